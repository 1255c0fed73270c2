import { mean, shareInterval, wilson, type Interval } from '../analysis/statistics.js';
import type { EvalRecord } from './record.js';

/** An evaluation in numbers; means are over samples, entries as in `CacheReport`. */
export interface Summary {
  problems: number;
  samples: number;
  /** Share of samples that are right, 95 %: Wilson at one sample a problem, else `shareInterval`. */
  passAt1: Interval;
  meanEntries: number;
  /** The largest of all samples. */
  peakEntries: number;
  meanTokens: number;
  /** Share of samples that ended by themselves. */
  finished: number;
  /** Of `chains`: look-ups that were right, over all samples. */
  lookups?: { right: number; total: number };
}

/** Summary of records; every figure is NaN where there are none. */
export function summarize(records: readonly EvalRecord[]): Summary {
  const byProblem = new Map<number, number[]>();
  for (const { problem, correct } of records) {
    const samples = byProblem.get(problem);
    if (samples) samples.push(Number(correct));
    else byProblem.set(problem, [Number(correct)]);
  }
  const of = (value: (record: EvalRecord) => number) => records.map(value);
  const withLookups = records.flatMap(({ lookups }) => lookups ?? []);
  const sum = (key: 'right' | 'total') => withLookups.reduce((all, one) => all + one[key], 0);
  return {
    problems: byProblem.size,
    samples: records.length,
    passAt1: passAt1([...byProblem.values()]),
    meanEntries: mean(of((r) => r.meanEntries)),
    peakEntries: records.length ? of((r) => r.peakEntries).reduce((a, b) => Math.max(a, b)) : Number.NaN,
    meanTokens: mean(of((r) => r.generatedTokens)),
    finished: mean(of((r) => Number(r.finish === 'stop'))),
    ...(withLookups.length && { lookups: { right: sum('right'), total: sum('total') } }),
  };
}

function passAt1(problems: number[][]): Interval {
  if (problems.length === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN };
  const single = problems.every((samples) => samples.length === 1);
  return single ? wilson(problems.filter(([correct]) => correct).length, problems.length) : shareInterval(problems);
}
