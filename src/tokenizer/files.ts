import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { decodeUtf8, readRegular } from '../json-file.js';
import { specialTokens } from './chat-template.js';
import { ignoredOption, isObject, rewriteDigits, show } from './parts.js';

export type Json = Record<string, unknown>;

/** What a tokenizer is made of, checked as far as the package that runs it trusts it blindly. */
export interface TokenizerFiles {
  tokenizer: Json;
  config: Json;
}

/**
 * Reads tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja of a folder; only the first has
 * to be there.
 * @throws PathPressError BAD_TOKENIZER, BAD_FILE or BAD_UTF8, naming the file.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const tokenizer = await readJson(join(folder, 'tokenizer.json'), true);
  const config = await readJson(join(folder, 'tokenizer_config.json'), false);
  // Where a folder has both templates, transformers takes the file.
  config.chat_template = (await readText(join(folder, 'chat_template.jinja'), false)) ?? config.chat_template;
  const checked = checkedTokenizer(tokenizer, join(folder, 'tokenizer.json'));
  const elsewhere = await readJson(join(folder, 'special_tokens_map.json'), false);
  // A WordLevel model names its own unknown token; the package looks for it in the configuration alone, and there for a text.
  elsewhere.unk_token = (checked.model as Json).unk_token ?? elsewhere.unk_token;
  for (const name of specialTokens) {
    const token = config[name] ?? elsewhere[name];
    config[name] = isObject(token) && typeof token.content === 'string' ? token.content : token;
  }
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
  const ignored = ignoredOption({ ...tokenizer, added_tokens: added });
  if (ignored) throw bad(`${ignored} is not supported`);
  rewriteDigits(tokenizer);
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

// As many rows as an embedding can have: the package makes a list as long as the largest id.
function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 24;
}
