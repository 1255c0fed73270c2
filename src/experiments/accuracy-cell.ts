/** One cell of an accuracy grid: a policy on a task, as the numbers that a committed record keeps of it. */
import { mean, shareInterval, type Interval } from '../analysis/statistics.js';
import { PathPressError } from '../engine/errors.js';
import { evaluate } from '../evaluate/evaluate.js';
import type { EvalRecord } from '../evaluate/record.js';
import type { Policy } from '../policies/policy.js';
import { recordedPolicy } from '../policies/scorer.js';
import { tasks } from '../tasks/registry.js';
import type { Split } from '../tasks/task.js';
import type { Bundle } from './bundle.js';
import { lookupShares } from './lookup-shares.js';

/** A policy on a task: accuracy, and what the cache cost (entries of one set, prompt included; bytes of all layers). */
export interface AccuracyCell {
  task: string;
  policy: Policy;
  seed: number;
  problems: number;
  passAt1: Interval;
  /** `1` or `0` for each problem in order, so that two cells can be compared problem by problem. */
  correct: string;
  /** Generated tokens of each problem in order. */
  lengths: number[];
  /** Of `chains`: share of the values that the problem restates which are restated right, mean over problems; one never reached is wrong. `each` holds every problem's. */
  lookups?: Interval & { each: number[] };
  /** Share of problems whose output ended by itself. */
  finished: number;
  meanTokens: number;
  /** Mean number of a problem. */
  compressions: number;
  meanEntries: number;
  peakEntries: number;
  /** Time-mean and worst bytes of cache blocks; side bytes are the policy's own state beside them. */
  meanBytes: number;
  peakBytes: number;
  sideBytes: number;
  /** Generated tokens of all problems, and the wall time of the whole cell. */
  tokens: number;
  seconds: number;
}

export interface AccuracyCellOptions {
  problems: number;
  split?: Split;
  seed?: number;
  batch?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Runs the cell with the model's own sampling; the same options give the same `correct`, whatever the batch.
 * @param taskName a name of `tasks`
 * @throws as `evaluate`
 */
export async function accuracyCell(bundle: Bundle, taskName: string, policy: Policy, options: AccuracyCellOptions): Promise<AccuracyCell> {
  const { problems, split = 'tune', seed = 0, batch, signal, onProgress } = options;
  const { maxTokens, ...sampling } = bundle.defaults;
  const started = performance.now();
  const { records, passAt1, finished, meanTokens } = await evaluate(bundle.engine, bundle.tokenizer, tasks[taskName], {
    model: bundle.folder,
    policy,
    sampling: { ...sampling, seed },
    maxTokens,
    split,
    problems,
    batch,
    signal,
    onProgress: onProgress && (({ done, total }) => onProgress(done, total)),
  });
  const average = (value: (record: (typeof records)[number]) => number) => mean(records.map(value));
  const largest = (value: (record: (typeof records)[number]) => number) => Math.max(...records.map(value));
  return {
    task: taskName,
    policy: recordedPolicy(policy),
    seed,
    problems,
    passAt1,
    correct: records.map((record) => Number(record.correct)).join(''),
    lengths: records.map((record) => record.generatedTokens),
    ...(records.every((record) => record.lookups) && { lookups: lookupsRight(records, taskName) }),
    finished,
    meanTokens,
    compressions: average((r) => r.compressions),
    meanEntries: average((r) => r.meanEntries),
    peakEntries: largest((r) => r.peakEntries),
    meanBytes: average((r) => r.meanBytes),
    peakBytes: largest((r) => r.peakBytes),
    sideBytes: largest((r) => r.sideBytes),
    tokens: records.reduce((sum, r) => sum + r.generatedTokens, 0),
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * Per-problem outcomes of a cell as the values that `pairedShares` takes: right or wrong, or the share of look-ups.
 * @returns (problems)(1), each 0 to 1
 * @throws PathPressError BAD_OPTION for look-ups of a task that counts none
 */
export function outcomes(cell: AccuracyCell, what: 'correct' | 'lookups' = 'correct'): number[][] {
  if (what === 'correct') return [...cell.correct].map((digit) => [Number(digit)]);
  if (!cell.lookups) throw new PathPressError('BAD_OPTION', `${cell.task} counts no look-ups`);
  return cell.lookups.each.map((share) => [share]);
}

function lookupsRight(records: readonly EvalRecord[], taskName: string): Interval & { each: number[] } {
  const each = lookupShares(records, taskName);
  return { ...shareInterval(each.map((share) => [share])), each };
}
