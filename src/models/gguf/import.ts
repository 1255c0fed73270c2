/** Makes a folder in Hugging Face layout of a GGUF file, one that openEngine and loadTokenizer open. */
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PathPressError } from '../../engine/errors.js';
import { makeFolder } from '../../make-folder.js';
import { GgufFile } from './file.js';
import { type Weights, writeTensors } from './move.js';
import { planImport } from './plan.js';
import { type TokenizerFolder, tokenizerFiles } from './tokenizer.js';

export interface ImportOptions {
  /** The GGUF file. */
  file: string;
  /** The folder to make; it must not exist, or be empty. */
  out: string;
  /** How weights are stored; default `exact`. */
  weights?: Weights;
  /** False leaves the tokenizer out, for a model whose tokenizer is of an unknown kind; default true. */
  tokenizer?: boolean;
  signal?: AbortSignal;
  /** Called before each tensor. */
  onProgress?: (done: number, total: number) => void;
}

export interface ImportReport {
  out: string;
  family: string;
  layers: number;
  tensors: number;
  /** Of model.safetensors, without its header. */
  weightsBytes: number;
  /** Tensors by the type they are stored in. */
  types: Record<string, number>;
  /** Tokens of the vocabulary, 0 without a tokenizer. */
  tokens: number;
  chatTemplate: boolean;
  eosIds: number[];
}

/**
 * The folder appears whole or not at all: everything is written beside it, then renamed. Memory stays at a few megabytes
 * beside the file's metadata, whatever the model's size.
 * @throws BAD_FILE, BAD_GGUF, BAD_TENSOR, BAD_WEIGHTS, BAD_TOKENIZER, UNKNOWN_FAMILY, WRITE_FAILED; what the signal was
 *   aborted with
 */
export async function importGguf(options: ImportOptions): Promise<ImportReport> {
  const { file: path, out, weights = 'exact', signal, onProgress } = options;
  await checkFree(out);
  const file = await GgufFile.open(path);
  const partial = `${resolve(out)}.${process.pid}.part`;
  try {
    const { config, moves } = await planImport(file);
    const empty: TokenizerFolder = { files: {}, tokens: 0, ids: {}, eosIds: [] };
    const tokenizer = options.tokenizer === false ? empty : tokenizerFiles(file, config.vocab_size as number);
    const torchType = weights === 'bf16' ? 'bfloat16' : 'float32';
    const generation = { ...tokenizer.ids, ...(tokenizer.eosIds.length && { eos_token_id: tokenizer.eosIds }) };
    await writing(partial, async () => makeFolder(partial));
    const moved = await writeTensors(join(partial, 'model.safetensors'), file, moves, weights, (done, total) => {
      signal?.throwIfAborted();
      onProgress?.(done, total);
    });
    const files: Record<string, unknown> = {
      'config.json': { ...config, ...generation, torch_dtype: torchType },
      'generation_config.json': generation,
      ...tokenizer.files,
    };
    await writing(partial, async () => {
      for (const [name, value] of Object.entries(files)) await writeFile(join(partial, name), `${JSON.stringify(value, null, 1)}\n`);
      await rename(partial, out);
    });
    return {
      out,
      family: config.model_type as string,
      layers: config.num_hidden_layers as number,
      tensors: moved.tensors,
      weightsBytes: moved.bytes,
      types: moved.types,
      tokens: tokenizer.tokens,
      chatTemplate: Boolean((tokenizer.files['tokenizer_config.json'] as { chat_template?: string } | undefined)?.chat_template),
      eosIds: tokenizer.eosIds,
    };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** @throws BAD_FILE where the folder is not a new or an empty one */
export async function checkFree(out: string): Promise<void> {
  const inside = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new PathPressError('BAD_FILE', `${out}: ${error.message}`, { cause: error });
  });
  if (inside.length) throw new PathPressError('BAD_FILE', `${out}: there is something in it (${inside[0]}); give a new folder`);
}

/** @throws WRITE_FAILED naming the path */
export async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  return write().catch((cause: Error) => {
    throw new PathPressError('WRITE_FAILED', `${path}: ${cause.message}`, { cause });
  });
}
