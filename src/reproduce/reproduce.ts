import { readdirSync, statSync } from 'node:fs';
import { join, parse } from 'node:path';
import { PathPressError } from '../engine/errors.js';
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
  onProgress?: (progress: { notebook: string; cellsDone: number; cells: number }) => void;
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

/** Seconds that making every record anew took where the committed ones were made. */
export function freshSeconds(root = packageRoot): number {
  return recordTimes(join(root, 'data', 'records')).reduce((sum, { seconds }) => sum + seconds, 0);
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
  const counts = await Promise.all(
    files.map(async (file) => (await readNotebook(file)).cells.filter((cell) => cell.cell_type === 'code').length),
  );
  const before = counts.map((_, i) => counts.slice(0, i).reduce((a, b) => a + b, 0)); // cells of all notebooks before the i-th
  const cells = counts.reduce((a, b) => a + b, 0);
  const notebooks = await runNotebooks(files, {
    timeout: fresh ? longest : 600,
    env: { PATHPRESS_FRESH: fresh ? '1' : '' },
    signal,
    onProgress: ({ notebook, index, cell }) =>
      onProgress?.({ notebook: parse(notebook).name, cellsDone: before[index] + cell, cells }),
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
