import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { PathPressError } from '../engine/errors.js';
import { decodeUtf8, parseJson } from '../json-file.js';

/** One row of a trace file: a generated text, as text, as ids, or both. */
export interface TraceRow {
  /** 1-based line in the file. */
  line: number;
  /** What clusters outputs: the row's `prompt`, else its `problem`, else its own line. */
  prompt: string;
  output?: string;
  /** Token ids of the output, of whatever tokenizer made the file. */
  ids?: Int32Array;
}

/** Longest line read, in bytes: a file without line breaks must not fill the memory. */
const longestLine = 2 ** 28;

/**
 * Rows of a JSON Lines file (gzip where the name ends in `.gz`), one object a line with `output` (text) or `ids`; blank
 * lines are passed over. The file is streamed: one line is in memory at a time.
 * @throws BAD_FILE unreadable, broken or truncated gzip, a row without text or ids, an id that is none;
 *   BAD_JSON, BAD_UTF8 naming file and line; EMPTY_TRACE where there is no row
 */
export async function* readTrace(file: string): AsyncGenerator<TraceRow> {
  let line = 0;
  let rows = 0;
  for await (const bytes of lines(file)) {
    line++;
    const row = parseRow(bytes, line, `${file}:${line}`);
    if (!row) continue;
    rows++;
    yield row;
  }
  if (rows === 0) throw new PathPressError('EMPTY_TRACE', `${file}: no rows`);
}

async function* lines(file: string): AsyncGenerator<Buffer> {
  const compressed = file.endsWith('.gz');
  const source = createReadStream(file);
  const stream = compressed ? createGunzip() : source;
  // Errors of the source end the pipeline; the reader below meets them as the stream's own.
  const piped = compressed ? pipeline(source, stream as ReturnType<typeof createGunzip>) : Promise.resolve();
  piped.catch(() => {});
  let rest: Buffer[] = [];
  let held = 0;
  let line = 1;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        yield Buffer.concat([...rest, chunk.subarray(from, end)]);
        rest = [];
        held = 0;
        line++;
        from = end + 1;
      }
      rest.push(chunk.subarray(from));
      held += chunk.length - from;
      if (held > longestLine)
        throw new PathPressError('BAD_FILE', `${file}:${line}: a line of more than ${longestLine} bytes`);
    }
    if (held > 0) yield Buffer.concat(rest);
  } catch (cause) {
    if (cause instanceof PathPressError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new PathPressError('BAD_FILE', `${file}: no such file`, { cause });
    const what = code?.startsWith('Z_')
      ? `broken or truncated gzip after line ${line - 1} (${message})`
      : `cannot be read (${code ?? message})`;
    throw new PathPressError('BAD_FILE', `${file}: ${what}`, { cause });
  } finally {
    source.destroy();
  }
}

/** undefined for a blank line. */
function parseRow(bytes: Buffer, line: number, place: string): TraceRow | undefined {
  const text = decodeUtf8(bytes, place);
  if (text.trim() === '') return undefined;
  const row = parseJson(text, place);
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new PathPressError('BAD_JSON', `${place}: not a JSON object: ${text.slice(0, 40)}`);
  }
  const { output, ids, prompt, problem } = row as Record<string, unknown>;
  if (output === undefined && ids === undefined) {
    throw new PathPressError('BAD_FILE', `${place}: neither "output" nor "ids"`);
  }
  if (output !== undefined && typeof output !== 'string') {
    throw new PathPressError('BAD_FILE', `${place}: "output" is no text: ${JSON.stringify(output).slice(0, 40)}`);
  }
  const cluster =
    typeof prompt === 'string'
      ? prompt
      : typeof problem === 'string' || typeof problem === 'number'
        ? `problem ${problem}`
        : `line ${line}`;
  return { line, prompt: cluster, output, ids: ids === undefined ? undefined : checkedIds(ids, place) };
}

function checkedIds(ids: unknown, place: string): Int32Array {
  if (!Array.isArray(ids))
    throw new PathPressError('BAD_FILE', `${place}: "ids" is no list: ${JSON.stringify(ids).slice(0, 40)}`);
  const wrong = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= 2 ** 31);
  if (wrong >= 0)
    throw new PathPressError(
      'BAD_FILE',
      `${place}: "ids" holds ${JSON.stringify(ids[wrong])} at ${wrong}, not a token id`,
    );
  return Int32Array.from(ids);
}
