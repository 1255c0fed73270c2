import { readdirSync, statSync } from 'node:fs';
import { join, parse } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { findMiniLm } from '../embedding/minilm.js';
import { readNotebook } from '../notebook/file.js';
import { runNotebooks, type NotebookRun } from '../notebook/runner.js';
import { packageRoot } from '../package.js';
import { readHeadlines, type Headline } from './headline.js';
import { recordTimes } from './records.js';

/** What is made, and where. */
export interface ReproduceOptions {
  /** Make every record of data/records anew, in place of drawing from the committed ones. */
  fresh?: boolean;
  root?: string;
  signal?: AbortSignal;
  onProgress?: (progress: ReproduceProgress) => void;
}

/** How far a run is. */
export interface ReproduceProgress {
  notebook: string;
  cellsDone: number;
  cells: number;
  /**
   * What is done, what the cell at hand counts, and what there is to do, in seconds as the committed records took: cells of
   * a fresh run differ from each other by a thousand times.
   */
  work: { done: number; cell: number; total: number };
}

/** A figure's files that this run wrote. */
export interface MadeFigure {
  name: string;
  formats: string[];
  bytes: number;
}

/** What `reproduce` made. */
export interface Reproduction {
  notebooks: NotebookRun[];
  figures: MadeFigure[];
  /** Figure files that lie in the folder and that this run did not write. */
  older: string[];
  headlines: { notebook: string; rows: Headline[] }[];
  seconds: number;
}

const longest = 2_000_000; // seconds: what a timer can hold

const drawing = 0.5; // seconds: a cell that makes no record

/** Seconds that making anew what can be made anew here took where the committed records were made; by record. */
export async function freshSeconds(root = packageRoot): Promise<Map<string, number>> {
  const miniLm = (await findMiniLm()) !== undefined;
  const there = (variable: string) => (variable === 'PATHPRESS_MINILM' ? miniLm : Boolean(process.env[variable]));
  const times = recordTimes(there, join(root, 'data', 'records'));
  return new Map(times.map(({ name, seconds }) => [name, seconds]));
}

/** What a cell counts: the seconds of the records that it makes, and its own. */
function weightOf(source: string, records: ReadonlyMap<string, number>): number {
  const made = [...source.matchAll(/\buseRecord\(\s*['"]([^'"]+)['"]/g)].map(([, name]) => records.get(name) ?? 0);
  return made.reduce((sum, seconds) => sum + seconds, drawing);
}

/**
 * Runs every notebook in order of name, headless, and says what was made.
 * @throws PathPressError BAD_FILE without notebooks; NOTEBOOK_FAILED naming notebook and cell.
 */
export async function reproduce({
  fresh = false,
  root = packageRoot,
  signal,
  onProgress,
}: ReproduceOptions = {}): Promise<Reproduction> {
  const started = Date.now();
  const folder = join(root, 'notebooks');
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.ipynb'))
    .sort()
    .map((name) => join(folder, name));
  if (files.length === 0) throw new PathPressError('BAD_FILE', `${folder}: no notebooks`);
  const records = fresh ? await freshSeconds(root) : new Map<string, number>();
  const weights = await Promise.all(
    files.map(async (file) => {
      const code = (await readNotebook(file)).cells.filter((cell) => cell.cell_type === 'code');
      return code.map(({ source }) => weightOf(source, records));
    }),
  );
  const all = weights.flat();
  const before = weights.map((_, i) => weights.slice(0, i).flat().length); // cells of all notebooks before the i-th
  const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
  const notebooks = await runNotebooks(files, {
    timeout: fresh ? longest : 600,
    env: { PATHPRESS_FRESH: fresh ? '1' : '' },
    signal,
    onProgress: ({ notebook, index, cell }) => {
      const cellsDone = before[index] + cell;
      const work = { done: sum(all.slice(0, cellsDone)), cell: all[cellsDone] ?? 0, total: sum(all) };
      onProgress?.({ notebook: parse(notebook).name, cellsDone, cells: all.length, work });
    },
  });
  const figures = join(root, 'figures');
  const { made, older } = figuresSince(started, figures);
  const ran = new Set(files.map((file) => parse(file).name));
  const headlines = readHeadlines(figures).filter(({ notebook }) => ran.has(notebook));
  return { notebooks, figures: made, older, headlines, seconds: (Date.now() - started) / 1000 };
}

function figuresSince(started: number, folder: string): { made: MadeFigure[]; older: string[] } {
  const made = new Map<string, MadeFigure>();
  const older: string[] = [];
  for (const file of readdirSync(folder).sort()) {
    const { name, ext } = parse(file);
    if (!['.html', '.svg', '.png', '.json'].includes(ext) || name.endsWith('.headline')) continue;
    const { mtimeMs, size } = statSync(join(folder, file));
    if (mtimeMs < started) {
      older.push(file);
      continue;
    }
    const figure = made.get(name) ?? { name, formats: [], bytes: 0 };
    figure.formats.push(ext.slice(1));
    figure.bytes += size;
    made.set(name, figure);
  }
  return { made: [...made.values()], older };
}
