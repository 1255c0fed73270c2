/** A sweep whose own process or one of whose workers is killed at random moments: the records of an undisturbed run come out. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import { Random } from '../tasks/random.js';
import { newOutcome, type Outcome, type Part } from './part.js';

const cli = join(packageRoot, 'dist', 'cli.js');

const sweep = {
  name: 'killed',
  models: ['reasoner'],
  tasks: [{ name: 'loops', problems: 12, samplesPerProblem: 2 }, { name: 'chains', problems: 12 }],
  policies: [{ name: 'full' }, { name: 'rpc', interval: 32, window: 8 }, { name: 'random', interval: 32, window: 8, drawSeed: [0, 1] }],
  sampling: { maxTokens: 100, ignoreEos: true },
}; // prettier-ignore

interface End {
  status: number | null;
  signal: NodeJS.Signals | null;
  took: number;
  err: string;
}

/** Starts the sweep; `strike` is given its process. */
function run(file: string, out: string, strike?: (child: ChildProcess) => void): Promise<End> {
  const started = performance.now();
  const args = [cli, 'sweep', file, '--out', out, '--workers', '2', '--threads', '1', '--batch', '3'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.on('data', (piece) => (err = `${err}${String(piece)}`.slice(-2000)));
  strike?.(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, took: performance.now() - started, err }));
  });
}

/** Worker processes at this moment; none where the system does not say. */
function workersOf({ pid }: ChildProcess): number[] {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return list ? list.split(/\s+/).map(Number) : [];
  } catch {
    return [];
  }
}

/** Kills the sweep's own process, milliseconds from its start; `onKill` is called if it does. */
function killSweep(child: ChildProcess, after: number, onKill: () => void): void {
  const timer = setTimeout(() => child.kill('SIGKILL') && onKill(), after);
  child.once('exit', () => clearTimeout(timer));
}

const glance = 10; // milliseconds

/** Kills a worker, milliseconds after the first is there; `onKill` is not called where the sweep is done by then. */
function killWorker(child: ChildProcess, after: number, random: Random, onKill: () => void): void {
  let seen: number | undefined;
  const timer = setInterval(() => {
    const workers = workersOf(child);
    if (workers.length === 0) return;
    seen ??= performance.now();
    if (performance.now() - seen < after) return;
    clearInterval(timer);
    process.kill(random.pick(workers), 'SIGKILL');
    onKill();
  }, glance);
  child.once('exit', () => clearInterval(timer));
}

/** Whole lines of every file of records, by its name. */
function linesOf(out: string): Map<string, string[]> {
  let names: string[];
  try {
    names = readdirSync(join(out, 'cells'));
  } catch {
    return new Map();
  }
  return new Map(names.map((name) => [name, readFileSync(join(out, 'cells', name), 'utf8').split('\n').slice(0, -1)]));
}

/** Records in order of cell, problem and sample, without the times that they took. */
function comparable(lines: Map<string, string[]>): string {
  return [...lines]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, rows]) => {
      const records = rows.map((row) => JSON.parse(row) as { problem: number; sample: number; seconds: object });
      records.sort((a, b) => a.problem - b.problem || a.sample - b.sample);
      return records.map((record) => `${name} ${JSON.stringify({ ...record, seconds: {} })}`);
    })
    .join('\n');
}

/** What a kill did to the records that were there before it; undefined where all still stand, and none twice. */
function damage(before: Map<string, string[]>, after: Map<string, string[]>): string | undefined {
  for (const [name, lines] of before) {
    const lost = lines.find((line, i) => after.get(name)?.[i] !== line);
    if (lost !== undefined) return `${name}: a record is gone or changed: ${lost.slice(0, 40)}`;
  }
  for (const [name, lines] of after) {
    const keys = lines.map((line) => /"problem":\d+,"sample":\d+/.exec(line)![0]);
    const twice = keys.find((key, i) => keys.indexOf(key) !== i);
    if (twice !== undefined) return `${name}: ${twice} stands twice`;
  }
  return undefined;
}

export const sweepKill: Part = {
  name: 'sweep-kill',
  title: 'sweep and its workers killed with SIGKILL at random moments and resumed',
  unit: 'kills',
  full: 100,
  short: 4,
  async run({ count, seed, progress }): Promise<Outcome> {
    const outcome = newOutcome();
    const folder = mkdtempSync(join(tmpdir(), 'pathpress-sweep-kill-'));
    try {
      const file = join(folder, 'sweep.json');
      writeFileSync(file, JSON.stringify(sweep));
      const calm = join(folder, 'calm');
      const undisturbed = await run(file, calm);
      if (undisturbed.status !== 0) throw new PathPressError('INTERNAL', `sweep, undisturbed: ${undisturbed.err}`);
      const wanted = comparable(linesOf(calm));
      const random = new Random(seed, 'sweep-kill');
      const workersKnown = existsSync('/proc/self/task');
      if (!workersKnown) outcome.skipped.push('kills of a worker: this system does not list them');
      const struck = { parents: 0, workers: 0 };
      let [finished, duration] = [0, undisturbed.took];
      const out = join(folder, 'killed');
      const finish = (): void => {
        finished += 1;
        if (comparable(linesOf(out)) !== wanted) outcome.fault(`seed ${seed}: the final records are not the undisturbed ones`);
        rmSync(out, { recursive: true, force: true });
      };
      while (struck.parents + struck.workers < count) {
        const before = linesOf(out);
        const [atWorker, share] = [workersKnown && random.chance(0.4), random.unit()];
        let fired = false;
        const end = await run(file, out, (child) => {
          if (atWorker) killWorker(child, share * (duration / 3), random, () => (struck.workers += 1));
          else killSweep(child, share * duration, () => (fired = true));
        });
        const broken = damage(before, linesOf(out));
        const kills = struck.parents + struck.workers;
        if (broken) outcome.fault(`kill ${kills} of seed ${seed}: ${broken}`);
        if (fired && end.signal === 'SIGKILL') struck.parents += 1;
        else if (end.status === 0) {
          duration = Math.max(end.took, duration / 2); // the machine's pace may change
          finish();
        } else outcome.fault(`after kill ${kills} of seed ${seed}: ${end.signal ?? `exit ${end.status}`}: ${end.err}`);
        progress(Math.min(count, struck.parents + struck.workers));
      }
      const last = await run(file, out);
      if (last.status !== 0) outcome.fault(`the last run of seed ${seed}: exit ${last.status}: ${last.err}`);
      finish();
      Object.assign(outcome.figures, { 'kills of the sweep': struck.parents, 'kills of a worker': struck.workers, 'sweeps finished': finished });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return outcome;
  },
};
