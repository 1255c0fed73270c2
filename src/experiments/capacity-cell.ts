/** One cell of a memory grid: how many sequences a limit on the cache's bytes admits, and how fast they run. */
import type { Policy } from '../policies/policy.js';
import { closedForm } from '../policies/closed-form.js';
import { tasks } from '../tasks/registry.js';
import { openBundle, type Bundle } from './bundle.js';

/** What fits into a cache of limited size under a policy. */
export interface CapacityCell {
  policy: Policy;
  /** Bytes that all caches may hold together. */
  cacheLimit: number;
  /** Output tokens of each sequence. */
  length: number;
  /** Sequences that the engine ran at once, and those that the policy's closed form promises. */
  batch: number;
  promised: number;
  /** Generated tokens of that batch over the wall time of its run, prefill included, once for each repeat. */
  tokensPerSecond: number[];
}

const page = 16; // entries of a block
const places = 256; // more than fit, so that memory is what limits the batch

/**
 * Opens a bundled model with that limit, counts the sequences that run at once, and times a batch of so many, each of exactly
 * `length` tokens (the end of text is ignored).
 * @throws as `openBundle` and `Engine.generateMany`
 */
export async function capacityCell(name: Bundle['name'], policy: Policy, cacheLimit: number, length: number, repeats: number): Promise<CapacityCell> {
  const bundle = await openBundle(name, { cacheLimit });
  try {
    const { engine, tokenizer } = bundle;
    // The same prompt for all, so that all have one peak.
    const promptIds = tokenizer.encode(tasks.loops.problem('tune', 0).prompt);
    const requests = (count: number) =>
      Array.from({ length: count }, (_, i) => ({
        promptIds,
        policy,
        sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0, seed: 0 },
        maxTokens: length,
        stopIds: [],
        stream: [i, 0] as [number, number],
      }));
    const first = new AbortController();
    const started = await engine.generateMany(requests(places), { batch: places, signal: first.signal, onResult: () => first.abort() });
    // Whoever came in for the first that ended has hardly begun.
    const batch = started.filter(({ generatedTokens }) => generatedTokens > length / 2).length;
    const tokensPerSecond: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const before = performance.now();
      await engine.generateMany(requests(batch), { batch });
      tokensPerSecond.push((batch * length) / ((performance.now() - before) / 1000));
    }
    const { layers, kvHeads, headDim, weightsType } = engine.info;
    const block = page * 2 * headDim * (weightsType === 'bf16' ? 2 : 4);
    const blocks = Math.ceil(closedForm(policy, promptIds.length, length).peak / page) * layers * kvHeads;
    return { policy, cacheLimit, length, batch, promised: Math.floor(Math.floor(cacheLimit / block) / blocks), tokensPerSecond };
  } finally {
    bundle.dispose();
  }
}
