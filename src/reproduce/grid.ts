import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../make-folder.js';

/** Cells of a long computation, each written down as it is done. */
export interface Grid {
  /** The cell's result: from an earlier run that was cut short, or made now and kept. Results are plain JSON. */
  cell<C>(key: string, make: () => Promise<C> | C): Promise<C>;
}

interface Done {
  key: string;
  seconds: number;
  result: unknown;
}

class KeptGrid implements Grid {
  /** Seconds that all cells took, in whichever run, and those of this run alone. */
  seconds = 0;
  secondsNow = 0;
  readonly #done = new Map<string, Done>();
  #file: number | null = null;

  constructor(private readonly path: string) {
    for (const done of readCells(path)) this.#remember(done);
  }

  async cell<C>(key: string, make: () => Promise<C> | C): Promise<C> {
    const before = this.#done.get(key);
    if (before) return before.result as C;
    const started = performance.now();
    const result = JSON.parse(JSON.stringify(await make())) as C; // what a resumed run would read
    const seconds = (performance.now() - started) / 1000;
    this.secondsNow += seconds;
    const done = { key, seconds, result };
    this.#file ??= openSync(this.path, 'a');
    // The line before may have been torn by a kill: a fresh line keeps this one whole.
    writeSync(this.#file, `\n${JSON.stringify(done)}\n`);
    this.#remember(done);
    return result;
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  forget(): void {
    this.close();
    rmSync(this.path, { force: true });
  }

  #remember(done: Done): void {
    this.#done.set(done.key, done);
    this.seconds += done.seconds;
  }
}

/** The grid of these settings: another choice of settings begins another one. */
export function openGrid(folder: string, settings: object): KeptGrid {
  makeFolder(folder);
  const hash = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 16);
  return new KeptGrid(join(folder, `${hash}.jsonl`));
}

function readCells(path: string): Done[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return line ? [JSON.parse(line) as Done] : [];
    } catch {
      return []; // torn by a kill
    }
  });
}
