/**
 * running.json: who works in a sweep's folder, or on a file of records, and how far it is. One process at a time writes
 * records there.
 */
import { createHash, randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { PathPressError } from './engine/errors.js';
import { makeFolder } from './make-folder.js';
import { writeWhole } from './whole-file.js';

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
  /** One of each run, and when its process began, as the system counts; a state of an earlier version has neither. */
  run?: string;
  born?: string;
}

export const lockName = 'running.json';

const number = z.number();
const schema = z.strictObject({
  pid: z.int(), host: z.string(), started: number, updated: number, before: number, done: number, total: number, tokens: number, ended: z.boolean(),
  run: z.string().optional(), born: z.string().optional(),
}); // prettier-ignore

/** What a beginning that was killed leaves beside `running.json`. */
export const isLockLeftover = (name: string): boolean => /^running\.json\.[0-9a-f-]+\.part$/.test(name);

/** The state that a run left; undefined where there is none, or one that a kill cut short. */
export function readState(folder: string, name = lockName): RunState | undefined {
  return stateOf(bytesOf(join(folder, name)));
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function stateOf(bytes: Buffer | undefined): RunState | undefined {
  try {
    return bytes && schema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

const longestSilence = 120_000; // milliseconds: a run whose process cannot be asked for, and was silent so long, is gone
const ours = new Set<string>(); // runs of this process

/** Whether the run still goes on: by its process on this machine, by its last sign of life on another. */
export function alive({ pid, host, updated, ended, run, born }: RunState): boolean {
  const fresh = Date.now() - updated < longestSilence;
  if (ended) return false;
  if (host !== hostname()) return fresh;
  if (pid === process.pid) return run !== undefined && ours.has(run); // else our number's last bearer: in a container it is always 1
  const present = birth(pid);
  if (present !== undefined && born !== undefined) return present === born; // a number is given again
  try {
    process.kill(pid, 0);
    return fresh && present !== 'dead';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' && fresh; // somebody else's process
  }
}

/** When a process began, in the system's ticks; `dead` where it has none or only awaits its parent; undefined where that is not told. */
function birth(pid: number): string | undefined {
  const own = bytesOf('/proc/self/stat');
  if (!own) return undefined;
  const stat = bytesOf(`/proc/${pid}/stat`)?.toString('latin1');
  if (stat === undefined) return 'dead';
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third on: the name before may hold anything
  return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : fields[19];
}

/** Before any work that a run's start would cost in vain. @throws PathPressError BUSY where another run is at work in the folder */
export function refuseBusy(folder: string, { name = lockName, what = folder }: LockOptions = {}): void {
  const state = readState(folder, name);
  if (state && alive(state)) throw busy(what, state, join(folder, name));
}

const busy = (what: string, { pid, host }: RunState, file: string): PathPressError =>
  new PathPressError('BUSY', `${what}: process ${pid} on ${host} is at work there; if it is not, remove ${file}`);

/** Of a lock for something else than a whole folder. */
export interface LockOptions {
  /** Of the lock's own file; `running.json` if left out. */
  name?: string;
  /** What it guards, for errors; the folder if left out. */
  what?: string;
}

export class RunLock {
  readonly #path: string;
  readonly #what: string;
  readonly #state: RunState & { run: string };
  readonly #timer: NodeJS.Timeout;

  /** The folder is made. @throws PathPressError BUSY where another run is at work there; WRITE_FAILED */
  constructor(folder: string, { name = lockName, what = folder }: LockOptions = {}) {
    this.#path = join(folder, name);
    this.#what = what;
    const now = Date.now();
    const who = { pid: process.pid, host: hostname(), run: randomUUID(), born: birth(process.pid) };
    this.#state = { ...who, started: now, updated: now, before: 0, done: 0, total: 0, tokens: 0, ended: false };
    ours.add(who.run);
    try {
      this.#take(folder);
    } catch (error) {
      ours.delete(who.run);
      throw error;
    }
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

  /** To be asked before anything is written to the folder. @throws PathPressError BUSY where the lock is another run's now, or gone */
  check(): void {
    const there = stateOf(bytesOf(this.#path));
    if (there?.run === this.#state.run) return;
    const who = there ? `process ${there.pid} on ${there.host} has taken it over` : `${this.#path} is gone`;
    throw new PathPressError('BUSY', `${this.#what}: this run has lost it: ${who}`);
  }

  release(): void {
    clearInterval(this.#timer);
    this.#state.ended = true;
    this.#write();
    ours.delete(this.#state.run);
  }

  /** Releases it, and leaves nothing behind. */
  remove(): void {
    this.release();
    if (stateOf(bytesOf(this.#path))?.run === this.#state.run) rmSync(this.#path, { force: true });
  }

  /**
   * A lock gets its name when it is whole, by a link, which is made by one process only. One that is taken over is first
   * inherited by a link that is named after its bytes, so that of all who found it dead one goes on; an heir that was
   * killed on the way has heirs itself. Whoever comes late finds that `running.json` is not what it was, and looks again.
   */
  #take(folder: string): void {
    const made = `${this.#path}.${this.#state.run}.part`;
    try {
      makeFolder(folder);
      writeFileSync(made, JSON.stringify(this.#state));
      while (!this.#tryTake(made));
    } catch (cause) {
      if (cause instanceof PathPressError) throw cause;
      throw new PathPressError('WRITE_FAILED', `${this.#path}: ${(cause as Error).message}`, { cause });
    } finally {
      rmSync(made, { force: true });
    }
  }

  #tryTake(made: string): boolean {
    const found = bytesOf(this.#path);
    if (!found) return link(made, this.#path);
    const heirs: string[] = [];
    let last = found;
    const heir = (): string => `${this.#path}.${createHash('sha256').update(last).digest('hex')}.part`;
    for (let bytes = bytesOf(heir()); bytes; bytes = bytesOf(heir())) {
      heirs.push(heir());
      last = bytes;
    }
    const state = stateOf(last);
    if (state && alive(state)) throw busy(this.#what, state, heirs.at(-1) ?? this.#path);
    const mine = heir();
    if (!link(made, mine)) return false;
    const still = bytesOf(this.#path)?.equals(found);
    if (still) {
      renameSync(made, this.#path);
      for (const old of heirs) rmSync(old, { force: true });
    }
    rmSync(mine, { force: true });
    return still === true;
  }

  #write(): void {
    this.#state.updated = Date.now();
    try {
      this.check(); // a run that lost its folder leaves the other's state alone
      writeWhole(this.#path, JSON.stringify(this.#state));
    } catch {
      // A full disk, or the loss of the folder, ends the run at its next record; a sign of life that fails is no reason to.
    }
  }
}

/** False where the name is taken. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}
