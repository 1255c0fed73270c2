/** Worker processes that run pieces of cells until there are none left. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { sampleKey, type SampleId } from '../evaluate/evaluate.js';
import type { EvalRecord } from '../evaluate/record.js';
import { packageRoot } from '../package.js';
import type { FromWorker, Order, ToWorker } from './messages.js';

/** Samples of one cell that a worker runs as one continuously refilled batch. */
export interface Piece {
  cell: number;
  samples: SampleId[];
}

export interface PoolOptions {
  workers: number;
  /** Samples in flight at once in a worker. */
  batch: number;
  order: (piece: Piece) => Omit<Order, 'id'>;
  /** Whether one engine can run both. */
  together: (a: Piece, b: Piece) => boolean;
  signal?: AbortSignal;
  /** Called once for each sample, in this process; what it throws ends the run. */
  onRecord: (piece: Piece, record: EvalRecord) => void;
}

const mostDeaths = 3; // of workers at one piece without a record between: then it is the piece
const graceful = 5000; // milliseconds for a worker that is told to stop: its samples in flight are given up anyway
const program = join(packageRoot, 'dist', 'sweep', 'worker.js');

/**
 * Runs the pieces. A worker that dies is replaced, and its samples are run again; those it had told of are kept.
 * @returns true where the signal ended it early
 * @throws PathPressError what a worker could not do; INTERNAL where workers keep dying at one piece
 */
export async function runPieces(pieces: Iterable<Piece>, options: PoolOptions): Promise<boolean> {
  const pool = new Pool(pieces, options);
  return pool.run();
}

class Pool {
  readonly #queue: Iterator<Piece>;
  #waiting: Piece[] = []; // given back, or looked at; they go before the queue
  readonly #deaths = new Map<Piece, number>();
  readonly #live = new Set<ChildProcess>();
  #failure: unknown;
  #stopping = false;
  #grace: NodeJS.Timeout | undefined;

  constructor(
    pieces: Iterable<Piece>,
    private readonly options: PoolOptions,
  ) {
    this.#queue = pieces[Symbol.iterator]();
  }

  async run(): Promise<boolean> {
    const { signal, workers } = this.options;
    const interrupt = (): void => this.#stop();
    signal?.addEventListener('abort', interrupt, { once: true });
    if (signal?.aborted) interrupt();
    try {
      await Promise.all(Array.from({ length: workers }, () => this.#seat()));
    } finally {
      signal?.removeEventListener('abort', interrupt);
      clearTimeout(this.#grace);
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#stopping;
  }

  /** The next piece; with `beside`, only one that can run on the engine of that. */
  #next(beside?: Piece): Piece | undefined {
    if (this.#stopping) return undefined;
    if (this.#waiting.length === 0) {
      const { value, done } = this.#queue.next();
      if (done) return undefined;
      this.#waiting.push(value);
    }
    return beside && !this.options.together(this.#waiting.at(-1)!, beside) ? undefined : this.#waiting.pop();
  }

  /** One worker after another on one place, while there is work. */
  async #seat(): Promise<void> {
    for (let piece = this.#next(); piece; piece = this.#next()) {
      try {
        await this.#employ(piece);
      } catch (error) {
        this.#failure ??= error;
        this.#stop('SIGKILL');
      }
    }
  }

  /** One worker, from its first piece to its end. */
  #employ(first: Piece): Promise<void> {
    const child = fork(program, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    this.#live.add(child);
    let said = '';
    child.stderr!.on('data', (text) => (said = `${said}${String(text)}`.slice(-1000)));
    const given = new Map<number, Piece>();
    let last = 0;
    const give = (piece: Piece): void => {
      given.set(++last, piece);
      child.send({ order: { id: last, ...this.options.order(piece) } } satisfies ToWorker, () => undefined);
    };
    // A batch that runs empty wastes the machine: the next piece joins when the last samples of this one are in flight.
    const refill = (): void => {
      const [piece] = given.values();
      if (given.size !== 1 || piece!.samples.length > this.options.batch) return;
      const next = this.#next(piece);
      if (next) give(next);
    };
    return new Promise((resolve, reject) => {
      // Told of when the worker is gone: what it still says would come after the run's end else.
      let failure: { error: unknown } | undefined;
      const fail = (error: unknown): void => {
        failure ??= { error };
        child.kill('SIGKILL');
        if (child.pid === undefined) reject(error); // it never began, and will not end
      };
      child.on('message', (message: FromWorker) => {
        if (failure) return;
        try {
          if ('record' in message) {
            this.#record(given.get(message.id)!, message.record);
            refill();
          } else if ('failed' in message) fail(new PathPressError(message.failed.code, message.failed.message));
          else if ('done' in message) {
            const { samples } = given.get(message.done)!;
            if (samples.length) throw new PathPressError('INTERNAL', `a worker left out ${samples.length} samples`);
            given.delete(message.done);
            const next = given.size === 0 ? this.#next() : undefined;
            if (next) give(next);
            else if (given.size > 0) refill();
            else child.send({ stop: true } satisfies ToWorker, () => undefined);
          }
        } catch (error) {
          fail(error);
        }
      });
      child.on('error', fail);
      // Its last records may come after its end: both have to be over before its samples go to another.
      const over = Promise.all([once(child, 'close'), once(child, 'disconnect')]);
      over.then(([[status, signal]]) => {
        this.#live.delete(child);
        if (failure) return reject(failure.error);
        const how = `${signal ?? `exit ${status}`}${said ? `: ${said}` : ''}`;
        for (const piece of given.values()) {
          const lost = this.#stopping ? undefined : this.#lost(piece, how);
          if (lost) return reject(lost);
        }
        resolve();
      }, reject);
      if (this.#stopping) child.kill('SIGKILL');
      else give(first);
    });
  }

  #record(piece: Piece, record: EvalRecord): void {
    const at = piece.samples.findIndex((sample) => sampleKey(sample) === sampleKey(record));
    if (at < 0) throw new PathPressError('INTERNAL', `a worker told of a sample that it was not given: ${sampleKey(record)}`);
    this.options.onRecord(piece, record);
    piece.samples.splice(at, 1);
    this.#deaths.delete(piece);
  }

  /** Gives the piece back to the queue, or says that it is what kills. */
  #lost(piece: Piece, how: string): Error | undefined {
    if (piece.samples.length === 0) return undefined; // it had told of all of them
    const deaths = (this.#deaths.get(piece) ?? 0) + 1;
    this.#deaths.set(piece, deaths);
    if (deaths >= mostDeaths) {
      const { settings } = this.options.order(piece);
      const what = `${settings.task.name} with ${JSON.stringify(settings.policy)} from problem ${piece.samples[0]?.problem} on`;
      return new PathPressError('INTERNAL', `${deaths} workers died at ${what}; the last by ${how}`);
    }
    this.#waiting.push(piece);
    return undefined;
  }

  #stop(how?: 'SIGKILL'): void {
    this.#stopping = true;
    for (const child of this.#live) {
      if (how) child.kill(how);
      else child.send({ stop: true } satisfies ToWorker, () => undefined);
    }
    if (!how) this.#grace = setTimeout(() => this.#stop('SIGKILL'), graceful);
  }
}
