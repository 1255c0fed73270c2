import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { decodeUtf8, readRegular } from '../json-file.js';

export type Json = Record<string, unknown>;

/** What a tokenizer is made of, checked as far as the package that runs it trusts it blindly. */
export interface TokenizerFiles {
  tokenizer: Json;
  config: Json;
}

/**
 * Reads tokenizer.json, tokenizer_config.json and chat_template.jinja (the last two may be absent) of a folder.
 * @throws PathPressError BAD_TOKENIZER, BAD_FILE or BAD_UTF8, naming the file.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const tokenizer = await readJson(join(folder, 'tokenizer.json'), true);
  const config = await readJson(join(folder, 'tokenizer_config.json'), false);
  // Where a folder has both templates, transformers takes the file.
  config.chat_template = (await readText(join(folder, 'chat_template.jinja'), false)) ?? config.chat_template;
  const checked = checkedTokenizer(tokenizer, join(folder, 'tokenizer.json'));
  // A WordLevel model names its own unknown token; the package looks for it in the configuration alone, and there for a text.
  config.unk_token ??= (checked.model as Json).unk_token;
  if (isObject(config.unk_token)) config.unk_token = config.unk_token.content;
  return { tokenizer: checked, config };
}

function checkedTokenizer(tokenizer: Json, file: string): Json {
  const { model, added_tokens: added = [] } = tokenizer;
  const bad = (what: string) => new PathPressError('BAD_TOKENIZER', `${file}: ${what}`);
  if (!isObject(model)) throw bad('no "model"');
  const { vocab } = model;
  if (Array.isArray(vocab)) {
    const at = vocab.findIndex(
      (row) => !Array.isArray(row) || typeof row[0] !== 'string' || typeof row[1] !== 'number',
    );
    if (at >= 0) throw bad(`"model.vocab" row ${at} is not [token, score]`);
  } else if (isObject(vocab)) {
    for (const [token, id] of Object.entries(vocab))
      if (!isId(id)) throw bad(`"model.vocab" gives ${show(token)} the id ${show(id)}`);
  } else throw bad('no "model.vocab"');
  if (model.type === 'BPE' && !Array.isArray(model.merges)) throw bad('no "model.merges" in a BPE model');
  if (!Array.isArray(added)) throw bad('"added_tokens" is not a list');
  for (const token of added) {
    if (!isObject(token) || typeof token.content !== 'string' || !isId(token.id))
      throw bad(`"added_tokens" holds ${show(token)}`);
  }
  const optional = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
  return { ...optional, ...tokenizer, added_tokens: added };
}

async function readJson(file: string, needed: boolean): Promise<Json> {
  const text = await readText(file, needed);
  if (text === null) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PathPressError('BAD_TOKENIZER', `${file}: not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(value)) throw new PathPressError('BAD_TOKENIZER', `${file}: not a JSON object`);
  return value;
}

async function readText(file: string, needed: boolean): Promise<string | null> {
  let bytes: Buffer;
  try {
    bytes = await readRegular(file);
  } catch (cause) {
    if (cause instanceof PathPressError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !needed) return null;
    throw new PathPressError(
      'BAD_TOKENIZER',
      `${file}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}`,
      { cause },
    );
  }
  return decodeUtf8(bytes, file);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'undefined';
}
