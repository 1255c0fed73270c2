/** Processes that embed with MiniLM: of a batch alone, cores would wait for one another at each of its many small products. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { PathPressError, type ErrorCode } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import type { FromWorker, Padded, ToWorker } from './minilm-messages.js';

const most = 8; // each holds the weights
const program = join(packageRoot, 'dist', 'embedding', 'minilm-worker.js');

export class MiniLmCrew {
  readonly #workers: Worker[];
  readonly #idle: Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  private constructor(size: number) {
    this.#workers = Array.from({ length: size }, () => new Worker());
    this.#idle = [...this.#workers];
  }

  /** @throws BAD_WEIGHTS where the ONNX file does not load */
  static async open(weights: string): Promise<MiniLmCrew> {
    const cores = availableParallelism();
    const crew = new MiniLmCrew(Math.min(cores, most));
    const start = { weights, threads: Math.floor(cores / crew.size) };
    try {
      await Promise.all(crew.#workers.map((worker) => worker.ask(start)));
    } catch (error) {
      await crew.dispose();
      throw error;
    }
    return crew;
  }

  /** Batches that it embeds at a time. */
  get size(): number {
    return this.#workers.length;
  }

  /**
   * Unit vectors (rows × dim) of a batch, as soon as a worker has time for it.
   * @throws BAD_WEIGHTS where the states have another shape; INTERNAL where the worker died; DISPOSED
   */
  async embed(batch: Padded): Promise<Float32Array> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    try {
      const answer = await worker.ask({ batch });
      if ('vectors' in answer) return answer.vectors;
      throw new PathPressError('INTERNAL', 'embedder minilm: a worker gave no vectors');
    } finally {
      const next = this.#waiting.shift();
      if (next) next(worker);
      else this.#idle.push(worker);
    }
  }

  /** What is under way is given up. */
  async dispose(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.dispose()));
  }
}

/** Keeps this process alive only while it is asked for something: nobody has to dispose of an embedder. */
class Worker {
  readonly #child: ChildProcess;
  #asked: { resolve(answer: FromWorker): void; reject(error: PathPressError): void } | undefined;
  #gone: PathPressError | undefined;

  constructor() {
    this.#child = fork(program, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
      serialization: 'advanced', // typed arrays as they are
    });
    this.#child.on('message', (answer: FromWorker) => this.#asked?.resolve(answer));
    this.#child.on('error', ({ message }) => this.#end('INTERNAL', `a worker does not start: ${message}`));
    this.#child.on('exit', (status, signal) => this.#end('INTERNAL', `a worker died (${signal ?? `status ${status}`})`));
  }

  /** One question at a time. */
  async ask(message: ToWorker): Promise<FromWorker> {
    this.#hold(true);
    try {
      const answer = await new Promise<FromWorker>((resolve, reject) => {
        if (this.#gone) return reject(this.#gone);
        this.#asked = { resolve, reject };
        this.#child.send(message, () => undefined); // where it cannot be told, it is gone, and 'exit' says so
      });
      if ('failed' in answer) throw new PathPressError(answer.failed.code, answer.failed.message);
      return answer;
    } finally {
      this.#asked = undefined;
      if (!this.#gone) this.#hold(false); // else whoever waits for its end is to see it
    }
  }

  async dispose(): Promise<void> {
    this.#end('DISPOSED', 'it is disposed of');
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null || this.#child.pid === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL'); // it has nothing to lose
    this.#child.ref();
    await ended;
  }

  #hold(alive: boolean): void {
    for (const handle of [this.#child, this.#child.channel]) {
      if (alive) handle?.ref();
      else handle?.unref();
    }
  }

  #end(code: ErrorCode, why: string): void {
    this.#gone ??= new PathPressError(code, `embedder minilm: ${why}`);
    this.#asked?.reject(this.#gone);
  }
}
