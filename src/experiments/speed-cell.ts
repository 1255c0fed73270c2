/** One cell of a speed grid: a batch of fixed-length generations, timed as a whole. */
import type { Policy } from '../policies/policy.js';
import { tasks } from '../tasks/registry.js';
import type { Bundle } from './bundle.js';

/** Speed and memory of one batch under a policy. */
export interface SpeedCell {
  policy: Policy;
  batch: number;
  /** Output tokens of each sequence. */
  length: number;
  /** Generated tokens of all sequences over the wall time of the whole run, prefill included. */
  tokensPerSecond: number;
  /** Sums over the sequences: cache blocks held at each one's worst moment, and the policy's own state beside them. */
  peakBytes: number;
  sideBytes: number;
  /** Share of the time spent compressing. */
  compressShare: number;
}

/**
 * Runs `batch` sequences of exactly `length` tokens each (the end of text is ignored), all starting together.
 * @throws as `Engine.generateMany`
 */
export async function speedCell(bundle: Bundle, policy: Policy, batch: number, length: number): Promise<SpeedCell> {
  const request = (i: number) => ({
    promptIds: bundle.tokenizer.encode(tasks.loops.problem('tune', i).prompt),
    policy,
    sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0, seed: 0 },
    maxTokens: length,
    stopIds: [],
    stream: [i, 0] as [number, number],
  });
  const started = performance.now();
  const results = await bundle.engine.generateMany(Array.from({ length: batch }, (_, i) => request(i)), { batch });
  const seconds = (performance.now() - started) / 1000;
  const sum = (value: (result: (typeof results)[number]) => number) => results.reduce((all, one) => all + value(one), 0);
  const compress = sum((r) => r.seconds.compress);
  return {
    policy,
    batch,
    length,
    tokensPerSecond: (batch * length) / seconds,
    peakBytes: sum((r) => r.cache.peakBytes),
    sideBytes: sum((r) => r.cache.sideBytes),
    compressShare: compress / (compress + sum((r) => r.seconds.decode)),
  };
}
