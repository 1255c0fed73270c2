/** Notebooks run headless through the tslab kernel, each in its own folder and process. */
import { realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { readBytes } from '../json-file.js';
import { parseNotebook, readNotebook, writeNotebook, type Notebook } from './file.js';
import { Kernel } from './kernel.js';
import { CellOutputs } from './outputs.js';

/** A cell that failed, was interrupted, or took too long. */
export class NotebookError extends PathPressError {
  /** @param cell number of the code cell, from 1, as Jupyter shows it */
  constructor(
    readonly notebook: string,
    readonly cell: number,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super('NOTEBOOK_FAILED', `${notebook}, cell ${cell}: ${reason}`, options);
    this.name = 'NotebookError';
  }
}

/** Told when a notebook starts (`cell` 0) and after each code cell. */
export interface NotebookProgress {
  notebook: string;
  /** Position of the notebook in the list, from 0, and the length of the list. */
  index: number;
  notebooks: number;
  /** Code cells done, and in all, in this notebook. */
  cell: number;
  cells: number;
  /** Since the notebook's start. */
  seconds: number;
}

/** How notebooks run. */
export interface RunNotebooksOptions {
  onProgress?: (progress: NotebookProgress) => void;
  /** Seconds a cell may take (600). */
  timeout?: number;
  /** False leaves the files as they are. */
  save?: boolean;
  /** Added to the kernel's environment. */
  env?: Record<string, string | undefined>;
  signal?: AbortSignal;
}

/** A notebook that ran to its end; `cells` counts those of code. */
export interface NotebookRun {
  notebook: string;
  cells: number;
  seconds: number;
  /** Size of the saved file, outputs included; null where it was not saved. */
  bytes: number | null;
}

/** Folders may be given relative to where the command runs, which is not where the notebook does. */
function folderEnv(): Record<string, string> {
  const names = ['PATHPRESS_TRACES', 'PATHPRESS_TOKENIZER', 'PATHPRESS_MINILM'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, path.resolve(process.env[name]!)]] : [])),
  );
}

/** Why a race against the clock or the user was lost. */
function stopper(seconds: number, signal?: AbortSignal): { stopped: Promise<string>; clear: () => void } {
  let clear = (): void => undefined;
  const stopped = new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve(`took longer than ${seconds} s`), seconds * 1000);
    const abort = (): void => resolve('interrupted');
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    clear = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  });
  return { stopped, clear };
}

async function runCells(
  notebook: Notebook,
  file: string,
  kernel: Kernel,
  { timeout = 600, signal }: RunNotebooksOptions,
  onCell: (done: number) => void,
): Promise<void> {
  const code = notebook.cells.filter((cell) => cell.cell_type === 'code');
  for (const [index, cell] of code.entries()) {
    const outputs = new CellOutputs();
    cell.outputs = outputs.list;
    cell.execution_count = cell.source.trim() === '' ? null : index + 1;
    if (cell.execution_count !== null) {
      const { stopped, clear } = stopper(timeout, signal);
      const run = kernel.execute(cell.source, (message) => outputs.add(message));
      run.catch(() => undefined); // after a stop nobody else awaits it
      try {
        const outcome = await Promise.race([run.then((status) => ({ status })), stopped.then((reason) => ({ reason }))]);
        if ('reason' in outcome) {
          await kernel.interrupt();
          await kernel.stop(false);
          throw new NotebookError(file, index + 1, outcome.reason);
        }
        const failure = outputs.failure(outcome.status);
        if (failure !== null) throw new NotebookError(file, index + 1, failure);
      } catch (error) {
        if (error instanceof NotebookError) throw error;
        throw new NotebookError(file, index + 1, (error as Error).message, { cause: error });
      } finally {
        clear();
      }
    }
    onCell(index + 1);
  }
}

/** What somebody wrote into the file while it ran must not be lost under the outputs of what stood there before. */
async function checkUnchanged(file: string, read: Buffer): Promise<void> {
  const now = await readFile(file).catch(() => undefined);
  if (!now?.equals(read)) throw new PathPressError('NOTEBOOK_FAILED', `${file}: changed while it ran; its outputs are not saved`);
}

/**
 * Runs notebooks one after another, each as its file stands when its turn comes, and saves their outputs into them.
 *
 * @returns one row for each notebook, in order
 * @throws NotebookError (`NOTEBOOK_FAILED`) naming notebook, cell and message at the first cell that fails, prints an
 * unhandled rejection, or runs out of time; that notebook's file is left as it was. `NOTEBOOK_FAILED` also
 * where the file changed while it ran, and keeps that change. `BAD_FILE`, `BAD_UTF8` and `BAD_JSON` before anything runs
 * (later where a file is spoilt meanwhile), `NOT_BUILT` without a build, `WRITE_FAILED` for outputs above 1 MiB.
 */
export async function runNotebooks(files: string[], options: RunNotebooksOptions = {}): Promise<NotebookRun[]> {
  for (const file of files) await readNotebook(file);
  const runs: NotebookRun[] = [];
  for (const [index, file] of files.entries()) {
    const read = await readBytes(file); // again: those before it may have taken hours
    const notebook = parseNotebook(read, file);
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    const cells = notebook.cells.filter((cell) => cell.cell_type === 'code').length;
    const tell = (cell: number): void =>
      options.onProgress?.({ notebook: file, index, notebooks: files.length, cell, cells, seconds: seconds() });
    tell(0);
    const folder = realpathSync(path.dirname(path.resolve(file)));
    const kernel = await Kernel.start({ folder, env: { ...folderEnv(), ...options.env } });
    try {
      await runCells(notebook, file, kernel, options, tell);
    } finally {
      await kernel.stop();
    }
    if (options.save !== false) await checkUnchanged(file, read);
    const bytes = options.save === false ? null : await writeNotebook(file, notebook);
    runs.push({ notebook: file, cells, seconds: seconds(), bytes });
  }
  return runs;
}
