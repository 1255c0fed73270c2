/** Notebook files (.ipynb, nbformat 4): reading with checks, stable writing, and keeping saved outputs small. */
import { z } from 'zod';
import { PathPressError } from '../engine/errors.js';
import { decodeUtf8, parseAs, parseJson, readBytes } from '../json-file.js';
import { writeWhole } from '../whole-file.js';

export type Output =
  | { output_type: 'stream'; name: 'stdout' | 'stderr'; text: string }
  | { output_type: 'display_data'; data: Record<string, unknown>; metadata: Record<string, unknown> }
  | { output_type: 'error'; ename: string; evalue: string; traceback: string[] };

export interface Cell {
  cell_type: 'code' | 'markdown' | 'raw';
  source: string;
  metadata: Record<string, unknown>;
  execution_count?: number | null;
  outputs?: Output[];
  [key: string]: unknown;
}

export interface Notebook {
  cells: Cell[];
  metadata: Record<string, unknown>;
  nbformat: number;
  nbformat_minor: number;
}

/** No saved notebook may be larger, in bytes. */
export const notebookLimit = 1024 * 1024;
/** Characters of one text output that are saved; of a longer one, the first and last halves of this. */
const textLimit = 20_000;
const plotlyMime = 'application/vnd.plotly.v1+json';

const text = z.union([z.string(), z.array(z.string())]).transform((lines) => (Array.isArray(lines) ? lines.join('') : lines));
const schema = z.looseObject({
  nbformat: z.literal(4),
  nbformat_minor: z.number().int(),
  metadata: z.record(z.string(), z.unknown()),
  cells: z.array(
    z.looseObject({
      cell_type: z.enum(['code', 'markdown', 'raw']),
      source: text,
      metadata: z.record(z.string(), z.unknown()),
    }),
  ),
});

const join = (value: unknown): unknown => (Array.isArray(value) && value.every((line) => typeof line === 'string') ? value.join('') : value);

/** Texts of saved outputs as whole strings: nbformat keeps them as lists of lines. */
function joinLines<T extends { cell_type: string }>(cell: T): T {
  const { outputs } = cell as { outputs?: unknown };
  if (cell.cell_type !== 'code' || !Array.isArray(outputs)) return cell;
  const joined = outputs.map((output: Record<string, unknown>) => {
    const data = Object.entries((output.data ?? {}) as object).map(([mime, value]) => [mime, join(value)]);
    return { ...output, ...('text' in output && { text: join(output.text) }), ...('data' in output && { data: Object.fromEntries(data) }) };
  });
  return { ...cell, outputs: joined };
}

/** @throws PathPressError `BAD_FILE`, `BAD_UTF8` or `BAD_JSON` naming the file and the field. */
export async function readNotebook(file: string): Promise<Notebook> {
  return parseNotebook(await readBytes(file), file);
}

/** The notebook that the bytes of a file are. @throws PathPressError `BAD_FILE`, `BAD_UTF8` or `BAD_JSON` naming the file and the field. */
export function parseNotebook(bytes: Uint8Array, file: string): Notebook {
  const read = parseAs(schema, parseJson(decodeUtf8(bytes, file), file), file, 'BAD_FILE');
  return { ...read, cells: read.cells.map(joinLines) } as Notebook;
}

/** Lines as nbformat keeps them: each with its line end. */
const lines = (value: string): string[] => value.split(/(?<=\n)/).filter((line) => line !== '');

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function savedOutput(output: Output): unknown {
  if (output.output_type === 'stream') return { ...output, text: lines(output.text) };
  if (output.output_type !== 'display_data') return output;
  const data = Object.fromEntries(
    Object.entries(output.data).map(([mime, value]) => [mime, typeof value === 'string' && mime.startsWith('text/') ? lines(value) : value]),
  );
  return { ...output, data };
}

/** The file's text as Jupyter writes it (keys sorted, one space), without times of execution: re-runs give small diffs. */
export function formatNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => {
    const { execution: _times, ...metadata } = cell.metadata;
    const outputs = cell.cell_type === 'code' ? { outputs: (cell.outputs ?? []).map(savedOutput) } : {};
    return { ...cell, ...outputs, metadata, source: lines(cell.source) };
  });
  return `${JSON.stringify(sorted({ ...notebook, cells }), null, 1)}\n`;
}

/** Long texts cut in the middle, and one after another the largest live figures left to their pictures, until it fits. */
export function shrinkOutputs(notebook: Notebook, limit = notebookLimit): void {
  const outputs = notebook.cells.flatMap((cell) => cell.outputs ?? []);
  for (const output of outputs) {
    if (output.output_type !== 'stream' || output.text.length <= textLimit) continue;
    const half = textLimit / 2;
    const left = output.text.length - textLimit;
    output.text = `${output.text.slice(0, half)}\n… ${left} characters left out …\n${output.text.slice(-half)}`;
  }
  const live = outputs.flatMap((output) => (output.output_type === 'display_data' && output.data['image/png'] && output.data[plotlyMime] ? [output.data] : []));
  live.sort((a, b) => JSON.stringify(b[plotlyMime]).length - JSON.stringify(a[plotlyMime]).length);
  while (Buffer.byteLength(formatNotebook(notebook)) > limit && live.length > 0) delete live.shift()![plotlyMime];
}

/**
 * Writes the notebook, all of it or nothing; returns its size in bytes.
 * @throws PathPressError `WRITE_FAILED` for a full disk, or outputs above {@link notebookLimit} that cannot be shrunk.
 */
export async function writeNotebook(file: string, notebook: Notebook): Promise<number> {
  shrinkOutputs(notebook);
  const content = formatNotebook(notebook);
  const size = Buffer.byteLength(content);
  if (size > notebookLimit) throw new PathPressError('WRITE_FAILED', `${file}: ${size} bytes with its outputs, above the limit of ${notebookLimit}`);
  writeWhole(file, content);
  return size;
}
