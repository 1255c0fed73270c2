/** Texts made by the bundled models, for the figures about sparsity, redundancy and length. */
import { defaultBatch } from '../evaluate/batch.js';
import type { Policy } from '../policies/policy.js';
import { essay } from '../tasks/essay.js';
import { tasks } from '../tasks/registry.js';
import type { Split } from '../tasks/task.js';
import type { Bundle } from './bundle.js';

/** A text that a bundled model wrote; `ids` and `text` are of what it generated. */
export interface MadeOutput {
  prompt: string;
  ids: number[];
  text: string;
  finish: 'stop' | 'length' | 'aborted';
}

/**
 * The first `count` prompts of a task (`essay` for the writer), one sample each, with the model's own sampling.
 * @param source a task of the registry, or `essay`
 * @param options split `tune`, seed 0 and batch `defaultBatch` if left out; the batch never changes an output
 * @returns one output a prompt, in order
 * @throws as `Engine.generateMany`
 */
export async function makeOutputs(
  bundle: Bundle,
  source: string,
  policy: Policy,
  count: number,
  options: { split?: Split; seed?: number; batch?: number; signal?: AbortSignal } = {},
): Promise<MadeOutput[]> {
  const { split = 'tune', seed = 0, batch = defaultBatch, signal } = options;
  const { maxTokens, ...sampling } = bundle.defaults;
  const prompts = Array.from({ length: count }, (_, i) => (source === 'essay' ? essay(split, i).prompt : tasks[source].problem(split, i).prompt));
  const results = await bundle.engine.generateMany(
    prompts.map((prompt, i) => ({ promptIds: bundle.tokenizer.encode(prompt), policy, sampling: { ...sampling, seed }, maxTokens, stream: [i, 0] as [number, number] })),
    { batch, signal },
  );
  return results.map(({ ids, finish }, i) => ({ prompt: prompts[i], ids, text: bundle.tokenizer.decode(ids), finish }));
}
