/** A sweep of rivals as the numbers that a committed record keeps of it, a cell an arm on a task. */
import { PathPressError } from '../engine/errors.js';
import type { CacheType } from '../engine/types.js';
import type { EvalRecord } from '../evaluate/record.js';
import type { Policy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { manifestOf } from '../sweep/folder.js';
import type { SweepCell } from '../sweep/manifest.js';
import { summarizeSweep, type ArmSummary, type SweepGroup } from '../sweep/summary.js';
import { digits, finishedRecords, readable, tenths } from './cell-records.js';

/** An arm on a task: its summary, and what tells it from the others. */
export interface RivalCell extends Omit<ArmSummary, keyof SweepGroup> {
  task: string;
  /** What a figure calls it: the arm's name without the options that are crossed. */
  rival: string;
  policy: Policy;
  cache: CacheType;
  /** No entry of the prompt ever leaves. */
  pinned: boolean;
  /** Its prompt is pinned, or not, as its authors have it. */
  published: boolean;
  /** `c = 4` of a ratio, `180` of a cap; where nothing is evicted `all`, or the cache's type if that is not float32. */
  budget: string;
  /** `1` or `0` for each problem in order, and its generated tokens, so that a part can be run again and compared. */
  correct: string;
  lengths: number[];
  /** Bytes held (side bytes charged) times the steps for which they were, over the problems solved; null where none is. */
  byteStepsPerSolved: number | null;
  /** Summed over samples, which shared a batch: prefill, decode passes and compressions. */
  seconds: number;
}

/**
 * The cells of a finished sweep with one sample a problem and one draw an arm, in the order of its file.
 * @param folder of the sweep
 * @throws PathPressError RECORD_MISMATCH where a cell is not whole or has more than one sample a problem; as `statusOf`
 */
export async function rivalCells(folder: string): Promise<RivalCell[]> {
  const manifest = await manifestOf(folder);
  const records = manifest.cells.map((_, number) => finishedRecords(folder, manifest, number));
  const { arms } = await summarizeSweep([folder]);
  if (arms.length !== manifest.cells.length) {
    throw new PathPressError('RECORD_MISMATCH', `${folder}: ${manifest.cells.length} cells of ${arms.length} arms: draws or seeds repeat an arm`);
  }
  return manifest.cells.map((cell, number) => ({ ...summaryOf(arms[number]!), ...kindOf(cell), ...outcomesOf(records[number]!) }));
}

/** Model and split are the sweep's own. */
function summaryOf({ model: _m, weightsHash: _w, split: _s, ...rest }: ArmSummary): Omit<ArmSummary, 'model' | 'weightsHash' | 'split'> {
  return { ...rest, ...readable(rest) };
}

function kindOf({ arm, settings: { policy, cache } }: SweepCell): Pick<RivalCell, 'rival' | 'policy' | 'cache' | 'pinned' | 'published' | 'budget'> {
  const { pinPrompt, ratio, keep, ...rest } = policy as { pinPrompt?: boolean; ratio?: number; keep?: number };
  const usual = settlePolicy(policy.name, { ...rest, ...(ratio && { ratio }), ...(keep && { keep }) }) as { pinPrompt?: boolean };
  return {
    rival: arm.replace(/ \S+=.*$/, ''),
    policy,
    cache,
    pinned: pinPrompt ?? true, // who has no such option evicts nothing
    published: pinPrompt === usual.pinPrompt,
    budget: ratio ? `c = ${ratio}` : keep ? String(keep) : cache === 'f32' ? 'all' : cache,
  };
}

/** What a cell keeps of its samples one by one. @param records one a problem, in order */
export function outcomesOf(records: readonly EvalRecord[]): Pick<RivalCell, 'correct' | 'lengths' | 'byteStepsPerSolved' | 'seconds'> {
  const sum = (value: (record: EvalRecord) => number): number => records.reduce((all, record) => all + value(record), 0);
  const solved = sum(({ correct }) => Number(correct));
  return {
    correct: digits(records),
    lengths: records.map(({ generatedTokens }) => generatedTokens),
    byteStepsPerSolved: solved ? Math.round(sum((r) => (r.meanBytes + r.sideBytes) * r.generatedTokens) / solved) : null,
    seconds: tenths(sum(({ seconds: { prefill, decode, compress } }) => prefill + decode + compress)),
  };
}
