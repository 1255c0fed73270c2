/** A sweep in numbers: each arm on each task with each model, and the paired difference of two arms. */
import { mean, pairedShares, shareInterval, wilson, type Interval, type LevelOption, type PairedDifference } from '../analysis/statistics.js';
import { PathPressError } from '../engine/errors.js';
import type { EvalRecord } from '../evaluate/record.js';
import { cellRecords, manifestOf } from './folder.js';
import type { SweepCell } from './manifest.js';
import { checkTogether } from './status.js';

/** What is never averaged over: a model, and a task with its split. */
export interface SweepGroup {
  model: string;
  weightsHash: string;
  task: string;
  split: string;
}

/** Samples in numbers. Bytes are of all layers, the policy's own state (side bytes) charged. */
export interface SampleFigures {
  meanTokens: number;
  meanEntries: number;
  /** Time-mean, averaged over samples, and the worst moment of all samples; both with side bytes. */
  meanBytes: number;
  peakBytes: number;
  sideBytes: number;
  /** How often each reason ended a sample. */
  finish: { stop: number; length: number };
  /** Of tasks that count them: right look-ups over all. */
  lookups?: { right: number; total: number };
}

/** An arm in a group, over its draws and seeds. */
export interface ArmSummary extends SweepGroup, SampleFigures {
  arm: string;
  /**
   * Whether every sample of the sweep is recorded. What ends early is recorded early: an arm that is not complete leans
   * to short samples, and its figures with it.
   */
  complete: boolean;
  /** Samples and problems recorded; draws and seeds repeat a problem. */
  samples: number;
  problems: number;
  /** Share of samples that are right, 95 %: Wilson at one sample a problem, else `shareInterval`. */
  accuracy: Interval;
}

/** A group's difference of two arms on the same problems. */
export interface Contrast extends SweepGroup {
  arms: [string, string];
  /**
   * Accuracy of the first less that of the second, shares, over the problems whose samples are all recorded in both; a
   * problem's draws and seeds are averaged first.
   */
  difference: PairedDifference;
}

/** Arms in the order of the sweep file, grouped by model and task; contrasts as they were asked for. */
export interface SweepSummary {
  name: string;
  /** Whether every arm is. */
  complete: boolean;
  arms: ArmSummary[];
  contrasts: Contrast[];
}

interface ArmRecords extends SweepGroup {
  arm: string;
  cells: SweepCell[];
  records: EvalRecord[];
}

const nameOf = ({ model, weightsHash, task, split }: SweepGroup): string => JSON.stringify([model, weightsHash, task, split]);

/**
 * Summarises what is recorded in a sweep's folders (of one sweep, whole or some of its shards; see `sweepFolders`).
 * @param pairs arms to compare, [a, b] for a − b. Lots are keyed by draw, problem and sample, so that the draws of one problem say
 *   nothing of another's: resampling problems with all their draws covers both.
 * @throws PathPressError BAD_OPTION for an arm that the sweep does not have; as `statusOf`
 */
export async function summarizeSweep(
  folders: readonly string[],
  pairs: readonly (readonly [string, string])[] = [],
  options: LevelOption = {},
): Promise<SweepSummary> {
  const manifests = await Promise.all(folders.map(manifestOf));
  checkTogether(folders, manifests);
  const { sweep, cells } = manifests[0]!;
  const rows = new Map<string, ArmRecords>();
  for (const [number, cell] of cells.entries()) {
    const { arm, settings } = cell;
    const group = { model: settings.model, weightsHash: settings.weightsHash, task: settings.task.name, split: settings.split };
    const key = `${nameOf(group)} ${arm}`;
    const row = rows.get(key) ?? { ...group, arm, cells: [], records: [] };
    row.cells.push(cell);
    for (const [i, folder] of folders.entries()) row.records.push(...cellRecords(folder, manifests[i]!, number));
    rows.set(key, row);
  }
  const unknown = pairs.flat().find((arm) => !cells.some((cell) => cell.arm === arm));
  if (unknown !== undefined) {
    const names = [...new Set(cells.map(({ arm }) => arm))].join(', ');
    throw new PathPressError('BAD_OPTION', `contrast ${unknown}: no such arm; there are ${names}`);
  }
  const all = [...rows.values()];
  const filled = all.filter(({ records }) => records.length > 0);
  return {
    name: sweep.name,
    complete: all.every(isComplete),
    arms: filled.map((row) => summarizeArm(row, options)),
    contrasts: pairs.flatMap((pair) => contrast(filled, pair, options)),
  };
}

/** (problems)(samples), 1 where right; the draws and seeds of a problem are its samples. */
function outcomesByProblem(records: readonly EvalRecord[]): Map<number, number[]> {
  const outcomes = new Map<number, number[]>();
  for (const { problem, correct } of records) outcomes.set(problem, [...(outcomes.get(problem) ?? []), Number(correct)]);
  return outcomes;
}

const isComplete = ({ cells, records }: ArmRecords): boolean =>
  records.length === cells.reduce((sum, { problems, samplesPerProblem }) => sum + problems * samplesPerProblem, 0);

/** As `outcomesByProblem`, of the problems of which no sample is missing. */
function completeOutcomes({ cells, records }: ArmRecords): Map<number, number[]> {
  const wanted = (problem: number): number =>
    cells.reduce((sum, cell) => sum + (problem < cell.problems ? cell.samplesPerProblem : 0), 0);
  return new Map([...outcomesByProblem(records)].filter(([problem, outcomes]) => outcomes.length === wanted(problem)));
}

function summarizeArm(armRecords: ArmRecords, options: LevelOption): ArmSummary {
  const { records, cells: _, ...row } = armRecords;
  const problems = [...outcomesByProblem(records).values()];
  return {
    ...row,
    complete: isComplete(armRecords),
    samples: records.length,
    problems: problems.length,
    accuracy:
      problems.length === records.length
        ? wilson(records.filter(({ correct }) => correct).length, records.length)
        : shareInterval(problems, options),
    ...sampleFigures(records),
  };
}

/** @param records at least one */
export function sampleFigures(records: readonly EvalRecord[]): SampleFigures {
  const average = (value: (record: EvalRecord) => number): number => mean(records.map(value));
  const largest = (value: (record: EvalRecord) => number): number => records.reduce((most, record) => Math.max(most, value(record)), 0);
  const lookups = records.flatMap((record) => record.lookups ?? []);
  const count = (finish: EvalRecord['finish']): number => records.filter((record) => record.finish === finish).length;
  return {
    meanTokens: average((r) => r.generatedTokens),
    meanEntries: average((r) => r.meanEntries),
    meanBytes: average((r) => r.meanBytes + r.sideBytes),
    peakBytes: largest((r) => r.peakBytes + r.sideBytes),
    sideBytes: largest((r) => r.sideBytes),
    finish: { stop: count('stop'), length: count('length') },
    ...(lookups.length && {
      lookups: { right: lookups.reduce((sum, { right }) => sum + right, 0), total: lookups.reduce((sum, { total }) => sum + total, 0) },
    }),
  };
}

function contrast(rows: readonly ArmRecords[], pair: readonly [string, string], options: LevelOption): Contrast[] {
  const groups = [...new Set(rows.map(nameOf))];
  return groups.flatMap((group) => {
    const [a, b] = pair.map((arm) => rows.find((row) => row.arm === arm && nameOf(row) === group));
    if (!a || !b) return [];
    const [first, second] = [a, b].map(completeOutcomes) as [Map<number, number[]>, Map<number, number[]>];
    const problems = [...new Set([...first.keys(), ...second.keys()])].sort((x, y) => x - y);
    const of = (outcomes: Map<number, number[]>): number[][] => problems.map((problem) => outcomes.get(problem) ?? []);
    const difference = pairedShares(of(first), of(second), options);
    const { model, weightsHash, task, split } = a;
    return difference ? [{ model, weightsHash, task, split, arms: [pair[0], pair[1]] as [string, string], difference }] : [];
  });
}
