/** How long generating takes on a GPU, by arithmetic: a prediction to be checked, never a measurement. */
import { entryBytes, prefillWork } from '../bench/work.js';
import { PathPressError } from '../engine/errors.js';
import { closedForm, type CacheLength } from '../policies/closed-form.js';
import type { Policy } from '../policies/policy.js';
import type { GpuCeilings } from './ceilings.js';
import { compressionSeconds, type CompressionWork } from './compression.js';
import { expectedQuality, type KernelQuality } from './kernels.js';
import { attentionSeconds, idealShard, productSeconds, stepLaunches, type GpuModel } from './step.js';

/** A batch of sequences that start together and each generate exactly `length` tokens. */
export interface GpuRun {
  model: GpuModel;
  /** `full`, `recency`, `random`, or one of the rpc family whose window votes. */
  policy: Policy;
  batch: number;
  /** Tokens of each prompt. */
  prompt: number;
  length: number;
  /** GPUs that share each matrix and the heads, with nothing lost to their talk; 1. */
  gpus?: number;
  gpu: GpuCeilings;
  quality?: KernelQuality;
}

/** What is predicted of a run. */
export interface RunPrediction {
  /** Of the decode steps, compressions among them; prompts not. */
  tokensPerSecond: number;
  /** The same where weights and cache are read at the ceiling's bandwidth and nothing else takes time. */
  floorTokensPerSecond: number;
  /** Of the whole run. */
  seconds: { prefill: number; weights: number; attention: number; gaps: number; compressions: number };
  meanEntries: number;
  /** Weights and the batch's cache, one copy, on all GPUs together. */
  peakBytes: number;
  /** Whether the GPUs' memory holds them. */
  fits: boolean;
}

const controls = ['full', 'recency', 'random'];

/** What a compression scores and moves. @throws PathPressError BAD_OPTION for a policy whose passes have no formula here */
function workOf(policy: Policy, prompt: number): (before: number, after: number) => CompressionWork {
  const votes = 'preset' in policy;
  if (!votes && !controls.includes(policy.name)) {
    throw new PathPressError('BAD_OPTION', `policy ${policy.name}: its compressions' time is not predicted`);
  }
  const window = votes ? policy.window : 0;
  const pinned = 'pinPrompt' in policy && policy.pinPrompt ? prompt : 0;
  return (before, after) => ({ window, candidates: votes ? before - pinned - window : 0, moved: after - pinned });
}

/** Calls back with what each decode pass attends to, its own entry included. */
function forEachPass({ compressions, final }: CacheLength, prompt: number, call: (entries: number) => void): void {
  const teeth = [...compressions.map(({ before, after }) => ({ before, after })), { before: final, after: final }];
  let held = prompt;
  for (const { before, after } of teeth) {
    while (held < before) call((held += 1));
    held = after;
  }
}

/**
 * Predicts a run pass by pass: products once, attention over the cache's length in closed form, a gap a launch and one a
 * step, compressions where the policy has them.
 * @throws PathPressError BAD_OPTION
 */
export function predictRun(run: GpuRun): RunPrediction {
  const { model, policy, batch, prompt, length, gpus = 1, gpu, quality = expectedQuality } = run;
  if (!(length >= 2)) throw new PathPressError('BAD_OPTION', `length ${length}: has no decode pass, needs 2 or more`);
  const shape = idealShard(model.shape, gpus);
  const form = closedForm(policy, prompt, length);
  const passes = length - 1;
  let [attention, floor] = [0, 0];
  forEachPass(form, prompt, (entries) => {
    attention += attentionSeconds(shape, batch, entries, gpu, quality);
    floor += (shape.weightBytes + batch * entries * entryBytes(shape)) / gpu.readBytesPerSecond;
  });
  const weights = passes * productSeconds(shape, batch, gpu, quality);
  const gaps = passes * (stepLaunches(shape) * gpu.launchGapSeconds + quality.stepGapSeconds);
  const work = workOf(policy, prompt);
  const compressions = form.compressions
    .map(({ before, after }) => compressionSeconds(shape, work(before, after), batch, gpu, quality))
    .reduce((sum, seconds) => sum + seconds, 0);
  const prefill = (batch * prefillWork(shape, prompt).operations) / (gpu.matrixRate * quality.matrix);
  const peakBytes = model.residentBytes + batch * form.peak * entryBytes(model.shape);
  return {
    tokensPerSecond: (batch * passes) / (weights + attention + gaps + compressions),
    floorTokensPerSecond: (batch * passes) / floor,
    seconds: { prefill, weights, attention, gaps, compressions },
    meanEntries: form.mean,
    peakBytes,
    fits: peakBytes <= gpus * gpu.memoryBytes,
  };
}
