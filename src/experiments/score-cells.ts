/** A sweep of one frame's arms as the numbers that a committed record keeps: a cell one draw of an arm with a model. */
import { PathPressError } from '../engine/errors.js';
import type { EvalRecord } from '../evaluate/record.js';
import { closedForm } from '../policies/closed-form.js';
import type { Policy } from '../policies/policy.js';
import { manifestOf } from '../sweep/folder.js';
import type { SweepCell } from '../sweep/manifest.js';
import { sampleFigures, type SampleFigures } from '../sweep/summary.js';
import { digits, finishedRecords, readable } from './cell-records.js';
import { equalInterval, lengthOf } from './equal-interval.js';
import { lookupShares } from './lookup-shares.js';

/** One draw of an arm on a task with a model: outcomes, and what the cache held. */
export interface ScoreCell extends SampleFigures {
  /** Last part of the model's name. */
  model: string;
  task: string;
  split: string;
  arm: string;
  policy: Policy;
  /** Of the sampling. */
  seed: number;
  /** `1` or `0` for each problem in order. */
  correct: string;
  /** Of tasks that count look-ups: share of each problem's that are right (`lookupShares`). */
  shares?: number[];
  /** Entries that the full cache would have held over the same outputs, by closed form; a mean over samples like `meanEntries`. */
  fullEntries: number;
  /** Entries of the full cache over the same outputs, summed over all decode passes of all samples, over those really held. */
  fullOverKept: number;
  /** Of `adaptive`: the least fixed interval that would have held as many entries over the same outputs (`equalInterval`). */
  equalInterval?: number;
}

/**
 * The cells of a finished sweep with one sample a problem, in the order of its file. Each sample's measured entries are held
 * against the closed form of its policy: whether all arms of a frame hold equally many is checked sample by sample. `adaptive`
 * has none.
 * @param folder of the sweep
 * @throws PathPressError RECORD_MISMATCH where a cell is not whole or has more than one sample a problem, or a sample held
 *   other entries than its policy says
 */
export async function scoreCells(folder: string): Promise<ScoreCell[]> {
  const manifest = await manifestOf(folder);
  return manifest.cells.map((cell, number) => scoreCell(cell, finishedRecords(folder, manifest, number)));
}

function scoreCell({ arm, settings: { model, task, split, policy, seed } }: SweepCell, records: EvalRecord[]): ScoreCell {
  const figures = sampleFigures(records);
  return {
    model: model.split('/').at(-1)!,
    task: task.name,
    split,
    arm,
    policy,
    seed,
    correct: digits(records),
    ...(records.every(({ lookups }) => lookups) && { shares: lookupShares(records, task.name) }),
    ...figures,
    ...readable(figures),
    ...overKept(records, policy, `${model}, ${task.name}, arm ${arm}`),
    ...(policy.name === 'adaptive' && { equalInterval: equalInterval(records, policy) }),
  };
}

function overKept(records: readonly EvalRecord[], policy: Policy, where: string): Pick<ScoreCell, 'fullEntries' | 'fullOverKept'> {
  let [entries, full, kept] = [0, 0, 0];
  for (const record of records) {
    const { problem, promptTokens, meanEntries } = record;
    const length = lengthOf(record);
    const promised = policy.name === 'adaptive' ? meanEntries : closedForm(policy, promptTokens, length).mean;
    if (Math.abs(promised - meanEntries) > 1e-6 * promised) {
      throw new PathPressError('RECORD_MISMATCH', `${where}, problem ${problem}: held ${meanEntries} entries on average, its policy says ${promised}`);
    }
    const all = closedForm({ name: 'full' }, promptTokens, length).mean;
    entries += all;
    full += all * Math.max(1, length - 1);
    kept += meanEntries * Math.max(1, length - 1);
  }
  return { fullEntries: Number((entries / records.length).toFixed(1)), fullOverKept: Number((full / kept).toFixed(4)) };
}
