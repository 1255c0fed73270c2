/** running.json: who works in a sweep's folder, and how far it is. One process at a time writes records there. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { PathPressError } from '../engine/errors.js';
import { writeWhole } from '../whole-file.js';

/** A run in a folder: the present one, or the last. */
export interface RunState {
  pid: number;
  host: string;
  /** Milliseconds since 1970: when it began, and when this was written. */
  started: number;
  updated: number;
  /** Samples of the folder recorded when it began, and now. */
  before: number;
  done: number;
  total: number;
  /** Tokens of the samples that this run recorded. */
  tokens: number;
  ended: boolean;
}

export const lockName = 'running.json';

const number = z.number();
const schema = z.strictObject({
  pid: z.int(), host: z.string(), started: number, updated: number, before: number, done: number, total: number, tokens: number, ended: z.boolean(),
}); // prettier-ignore

/** The state that a run left; undefined where there is none, or one that a kill cut short. */
export function readState(folder: string): RunState | undefined {
  try {
    return schema.safeParse(JSON.parse(readFileSync(join(folder, lockName), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

const longestSilence = 120_000; // milliseconds: a run on another machine that was silent for so long is gone

/** Whether the run still goes on: by its process on this machine, by its last sign of life on another. */
export function alive({ pid, host, updated, ended }: RunState): boolean {
  if (ended) return false;
  if (host !== hostname()) return Date.now() - updated < longestSilence;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // somebody else's process
  }
}

export class RunLock {
  readonly #path: string;
  readonly #state: RunState;
  readonly #timer: NodeJS.Timeout;

  /** The folder is made. @throws PathPressError BUSY where another run is at work there; WRITE_FAILED */
  constructor(folder: string) {
    this.#path = join(folder, lockName);
    const now = Date.now();
    this.#state = { pid: process.pid, host: hostname(), started: now, updated: now, before: 0, done: 0, total: 0, tokens: 0, ended: false };
    this.#take(folder);
    this.#timer = setInterval(() => this.#write(), 2000).unref();
  }

  /** What is there, and what there will be: the pace is counted from here on. */
  begin(before: number, total: number): void {
    Object.assign(this.#state, { before, done: before, total, started: Date.now() });
    this.#write();
  }

  tell(done: number, tokens: number): void {
    Object.assign(this.#state, { done, tokens });
  }

  release(): void {
    clearInterval(this.#timer);
    this.#state.ended = true;
    this.#write();
  }

  #take(folder: string): void {
    const busy = ({ pid, host }: RunState): never => {
      throw new PathPressError('BUSY', `${folder}: process ${pid} on ${host} is at work there`);
    };
    try {
      mkdirSync(folder, { recursive: true });
    } catch (cause) {
      throw this.#failed(cause);
    }
    const there = readState(folder);
    if (there && alive(there)) busy(there);
    // Whoever moves the old state away goes on; if two try at once, the second moves the first one's, and sees it.
    const aside = `${this.#path}.${process.pid}.part`;
    try {
      renameSync(this.#path, aside);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw this.#failed(cause);
    }
    try {
      const moved = JSON.parse(readFileSync(aside, 'utf8')) as RunState;
      if (alive(moved) && moved.pid !== there?.pid) {
        renameSync(aside, this.#path);
        busy(moved);
      }
    } catch (error) {
      if (error instanceof PathPressError) throw error; // else there was none, or one cut short
    }
    try {
      rmSync(aside, { force: true });
      writeFileSync(this.#path, JSON.stringify(this.#state), { flag: 'wx' });
    } catch (cause) {
      const winner = readState(folder);
      if (winner && (cause as NodeJS.ErrnoException).code === 'EEXIST') busy(winner);
      throw this.#failed(cause);
    }
  }

  #write(): void {
    this.#state.updated = Date.now();
    try {
      writeWhole(this.#path, JSON.stringify(this.#state));
    } catch {
      // A full disk ends the run at its next record; a sign of life that fails is no reason to.
    }
  }

  #failed(cause: unknown): PathPressError {
    return new PathPressError('WRITE_FAILED', `${this.#path}: ${(cause as Error).message}`, { cause });
  }
}
