/** `eval` killed at random moments and resumed until it is done: the file of an undisturbed run comes out. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import { Random } from '../tasks/random.js';
import { newOutcome, type Part } from './part.js';

const cli = join(packageRoot, 'dist', 'cli.js');
const problems = 48;

const evaluation = (out: string): string[] =>
  ['eval', '--task', 'loops', '--problems', problems, '--max-tokens', 120, '--batch', 4, '--ignore-eos'].map(String)
    .concat(['--policy', 'rpc', '--interval', '32', '--window', '8', '--out', out]); // prettier-ignore

interface End {
  status: number | null;
  /** Milliseconds from the start to the end. */
  took: number;
  err: string;
}

/** Runs `eval`, and kills it after `limit` milliseconds where it still runs then. */
function evaluate(out: string, limit?: number): Promise<End> {
  const started = performance.now();
  const child = spawn(process.execPath, [cli, ...evaluation(out)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.on('data', (piece) => (err = `${err}${String(piece)}`.slice(-2000)));
  const timer = limit === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limit);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, took: performance.now() - started, err });
    });
  });
}

/** Whole lines of a records file; a last one that a kill cut short is left out. */
function wholeLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Records by problem and sample, without the times that they took. */
function comparable(lines: readonly string[]): string {
  const rows = lines.map((line) => JSON.parse(line) as { problem: number; sample: number; seconds: object });
  rows.sort((a, b) => a.problem - b.problem || a.sample - b.sample);
  return rows.map((row) => JSON.stringify({ ...row, seconds: {} })).join('\n');
}

/** What a killed run did to the records that were there before it; undefined where they all still stand, each once. */
function damage(before: readonly string[], after: readonly string[]): string | undefined {
  const lost = before.find((line, i) => after[i] !== line);
  if (lost !== undefined) return `a record is gone or changed: ${lost.slice(0, 40)}`;
  const keys = after.map((line) => {
    const { problem, sample } = JSON.parse(line) as { problem: number; sample: number };
    return `${problem} ${sample}`;
  });
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  return twice === undefined ? undefined : `problem and sample ${twice} stand twice`;
}

export const kill: Part = {
  name: 'kill',
  title: 'eval killed with SIGKILL at random moments and resumed',
  unit: 'kills',
  full: 200,
  short: 5,
  async run({ count, seed, progress }) {
    const outcome = newOutcome();
    const folder = mkdtempSync(join(tmpdir(), 'pathpress-kill-'));
    try {
      const calm = join(folder, 'calm.jsonl');
      const undisturbed = await evaluate(calm);
      if (undisturbed.status !== 0) throw new PathPressError('INTERNAL', `eval, undisturbed: ${undisturbed.err}`);
      const wanted = comparable(wholeLines(calm));
      const random = new Random(seed, 'kill');
      let [kills, files, torn, duration] = [0, 0, 0, undisturbed.took];
      const out = join(folder, 'killed.jsonl');
      while (kills < count) {
        const before = wholeLines(out);
        const end = await evaluate(out, random.unit() * duration);
        const after = wholeLines(out);
        const broken = damage(before, after);
        if (broken) outcome.fault(`kill ${kills} of seed ${seed}: ${broken}`);
        if (end.status === null) {
          kills++;
          torn += Number(after.length > 0 && readFileSync(out).at(-1) !== 0x0a);
          progress(kills);
          continue;
        }
        if (end.status !== 0) outcome.fault(`after kill ${kills} of seed ${seed}: exit ${end.status}: ${end.err}`);
        duration = Math.max(end.took, duration / 2); // the machine's pace may change
        files += finished(out, wanted, seed, outcome);
      }
      const last = await evaluate(out);
      if (last.status !== 0) outcome.fault(`the last run of seed ${seed}: exit ${last.status}: ${last.err}`);
      files += finished(out, wanted, seed, outcome);
      Object.assign(outcome.figures, { kills, 'files finished': files, 'kills that tore a line': torn });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return outcome;
  },
};

/** Compares a finished file with the undisturbed one, and begins anew. */
function finished(out: string, wanted: string, seed: number, outcome: ReturnType<typeof newOutcome>): number {
  if (comparable(wholeLines(out)) !== wanted) outcome.fault(`seed ${seed}: the final file is not the undisturbed one`);
  rmSync(out, { force: true });
  return 1;
}
