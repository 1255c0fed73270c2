import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import { pause } from '../pause.js';
import { readTokenizerFiles } from '../tokenizer/files.js';
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';
import { writeWhole } from '../whole-file.js';
import { readTrace, type TraceRow } from './read.js';

/** A trace row with its ids; `OutputIds` of the analysis. */
export interface TokenizedRow extends TraceRow {
  ids: Int32Array;
}

/** A trace file in memory. */
export interface Trace {
  file: string;
  rows: TokenizedRow[];
  /** Of the tokenised texts' ids, those that stand for a word which the vocabulary lacks. */
  unknown: number;
  /** The text of a row: its own, else its ids decoded. */
  text(row: TokenizedRow): string;
}

export interface TraceOptions {
  /** Folder of the tokenizer; needed where a row has text and no ids, or text is wanted of a row of ids. */
  tokenizer?: string;
  /** Folder that keeps ids by the texts and the tokenizer, false for none; `.cache/ids` of the project if left out. */
  cache?: string | false;
  signal?: AbortSignal;
}

/** Where ids of tokenised traces are kept unless told otherwise; git ignores it. */
export const idCache = join(packageRoot, '.cache', 'ids');

/** Raise it where the meaning of a cached file changes. */
const cacheVersion = 3;

/**
 * Reads a trace file whole, tokenising rows that have text alone (no special tokens added, those written in the text
 * taken as such).
 * @throws as `readTrace` and `loadTokenizer`; BAD_OPTION where a tokenizer is needed and none named; BAD_FILE naming
 *   file, line, id and size of the vocabulary where an id of the file is not the tokenizer's; EMPTY_TRACE also where no output
 *   has a token; the signal's reason
 */
export async function loadTrace(file: string, options: TraceOptions = {}): Promise<Trace> {
  const { tokenizer: folder, cache = idCache, signal } = options;
  const read: TraceRow[] = [];
  for await (const row of readTrace(file)) {
    signal?.throwIfAborted();
    read.push(row);
  }
  const texts = read.filter((row) => row.ids === undefined);
  let loaded: Tokenizer | undefined;
  let unknown = 0;
  if (texts.length < read.length && folder !== undefined) {
    loaded = await loadTokenizer(folder);
    for (const row of read) refuseForeignIds(row, loaded, file);
  }
  if (texts.length > 0) {
    if (folder === undefined)
      throw new PathPressError('BAD_OPTION', `${file}:${texts[0].line}: a row of text needs a tokenizer`);
    const kept = cache === false ? undefined : join(cache, `${await contentKey(texts, folder)}.bin`);
    const found = kept === undefined ? undefined : await readIds(kept, texts.length);
    if (!found) loaded ??= await loadTokenizer(folder);
    const ids = found?.ids ?? [];
    for (let i = ids.length; i < texts.length; i++) {
      await pause(signal);
      ids.push(tokenized(loaded!, texts[i], file));
    }
    unknown = found?.unknown ?? ids.reduce((sum, row) => sum + row.filter((id) => id === loaded!.unknownId).length, 0);
    if (!found && kept !== undefined) keepIds(kept, { ids, unknown });
    texts.forEach((row, i) => (row.ids = ids[i]));
  }
  const rows = read as TokenizedRow[];
  if (rows.every(({ ids }) => ids.length === 0))
    throw new PathPressError('EMPTY_TRACE', `${file}: no output has a token`);
  const text = (row: TokenizedRow): string => {
    if (row.output !== undefined) return row.output;
    if (!loaded)
      throw new PathPressError('BAD_OPTION', `${file}:${row.line}: the text of a row of ids needs a tokenizer`);
    return loaded.decode(row.ids);
  };
  return { file, rows, unknown, text };
}

/** Ids of another tokenizer would be measured without complaint and decode to other text, or to none. */
function refuseForeignIds({ ids, line }: TraceRow, { vocabSize, folder }: Tokenizer, file: string): void {
  const foreign = ids?.find((id) => id >= vocabSize);
  if (foreign === undefined) return;
  const what = `"ids" holds ${foreign}, beyond the vocabulary of ${vocabSize} of the tokenizer ${folder}`;
  throw new PathPressError('BAD_FILE', `${file}:${line}: ${what}`);
}

function tokenized(tokenizer: Tokenizer, row: TraceRow, file: string): Int32Array {
  try {
    return Int32Array.from(tokenizer.encode(row.output!));
  } catch (cause) {
    if (!(cause instanceof PathPressError)) throw cause;
    throw new PathPressError(cause.code, `${file}:${row.line}: ${cause.message}`, { cause });
  }
}

/**
 * Changes with the texts, and with anything of the tokenizer that decides ids. Of what was read, never of the file again: a
 * pipe is empty by then, and a file may have changed.
 */
async function contentKey(texts: readonly TraceRow[], folder: string): Promise<string> {
  const hash = createHash('sha256').update(
    `ids ${cacheVersion}\n${JSON.stringify(await readTokenizerFiles(folder))}\n`,
  );
  for (const { output } of texts) hash.update(`${output!.length} `).update(output!);
  return hash.digest('hex').slice(0, 32);
}

interface KeptIds {
  ids: Int32Array[];
  unknown: number;
}

/** Layout: rows, unknown ids, then ids of each row, then all ids, 32-bit little-endian; then the SHA-256 of what stands before. */
async function readIds(kept: string, rows: number): Promise<KeptIds | undefined> {
  const bytes = await readFile(kept).catch(() => undefined);
  if (!bytes || bytes.length < 40 || bytes.length % 4 !== 0) return undefined;
  const body = bytes.subarray(0, bytes.length - 32);
  if (!createHash('sha256').update(body).digest().equals(bytes.subarray(body.length))) return undefined;
  const words = new Int32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length));
  if (words[0] !== rows) return undefined;
  let at = 2 + rows;
  return { unknown: words[1], ids: Array.from(words.subarray(2, at), (count) => words.slice(at, (at += count))) };
}

function keepIds(kept: string, { ids, unknown }: KeptIds): void {
  const words = Int32Array.from([ids.length, unknown, ...ids.map((row) => row.length)]);
  const body = Buffer.concat([words, ...ids].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
  try {
    writeWhole(kept, Buffer.concat([body, createHash('sha256').update(body).digest()]));
  } catch (cause) {
    // The ids are there all the same: a folder that cannot be written costs time alone.
    process.emitWarning(`ids are not cached: ${(cause as Error).message}`);
  }
}
