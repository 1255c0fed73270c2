/** What was held of a statement when the model looked it up: where it said it right, and where it first went wrong. */
import { retained, type Retained } from '../analysis/retention.js';
import { defaultBatch } from '../evaluate/batch.js';
import type { Policy } from '../policies/policy.js';
import { tasks } from '../tasks/registry.js';
import { lookupsOf, type Lookup } from '../tasks/statements.js';
import type { Split } from '../tasks/task.js';
import type { Bundle } from './bundle.js';

/** Shares of the layers that hold both digits of it when the second digit of a look-up is written. */
export interface HeldSource {
  /** Of the statement that came first; and (layers) which of them. */
  first: number;
  firstIn: boolean[];
  /** Of some later copy. */
  later: number;
  /** Of either. */
  any: number;
  /** A later copy could not be evicted: it is younger than the last compression, or stood in its window. */
  safe: boolean;
}

/** A problem under a policy, up to its first wrong look-up. */
export interface ProblemLookups {
  correct: boolean;
  /** Right look-ups, evictable or not: evictable is one whose first statement was generated and stood before the window of a compression. */
  right: number;
  /** The evictable ones of them: kind, bin of `distanceBin` tokens since the first statement, how many, sums of `first` and `any`. */
  evictable: [kind: Lookup['kind'], bin: number, count: number, first: number, any: number][];
  /** The first wrong one; `held` is null where it was not evictable. */
  wrong: { kind: Lookup['kind']; bin: number; held: HeldSource | null } | null;
}

/** A policy on a task, free to write what it will; and what the full cache made of the same problems. */
export interface LookupCell {
  task: string;
  arm: string;
  problems: ProblemLookups[];
  /** `1` or `0` for each problem under the full cache, with the same random numbers. */
  full: string;
}

/** Tokens that a distance bin spans. */
export const distanceBin = 128;

/**
 * The look-ups of a text up to its first wrong one.
 * @param words prompt and output
 * @param compressions what one set a layer held, in order
 * @param window latest tokens that a compression never takes from
 */
export function lookupsHeld(words: readonly string[], promptTokens: number, compressions: readonly Retained[], window: number): Omit<ProblemLookups, 'correct'> {
  const bins = new Map<string, ProblemLookups['evictable'][number]>();
  let right = 0;
  for (const lookup of lookupsOf(words)) {
    const held = heldSource(lookup, promptTokens, compressions, window);
    const bin = Math.floor((lookup.at - lookup.sources[0]) / distanceBin);
    if (!lookup.right) return { right, evictable: [...bins.values()], wrong: { kind: lookup.kind, bin, held } };
    right++;
    if (held === null) continue;
    const key = `${lookup.kind} ${bin}`;
    const [, , count, first, any] = bins.get(key) ?? [lookup.kind, bin, 0, 0, 0];
    bins.set(key, [lookup.kind, bin, count + 1, first + held.first, any + held.any]);
  }
  return { right, evictable: [...bins.values()], wrong: null };
}

/** What is held of a look-up's sources; null where the first of them could not be evicted so far. */
export function heldSource({ at, sources }: Lookup, promptTokens: number, compressions: readonly Retained[], window: number): HeldSource | null {
  const last = compressions.filter(({ length }) => length <= at).at(-1); // the token after a trigger still comes of what was there before
  if (!last || sources[0] < promptTokens || sources[0] >= last.length - window) return null;
  const safe = sources.some((source) => source >= last.length - window);
  const holds = (held: Uint8Array, source: number): boolean => source >= last.length - window || (held[source] === 1 && held[source + 1] === 1);
  const share = (some: readonly number[]): number => last.sets.filter(({ held }) => some.some((source) => holds(held, source))).length / last.sets.length;
  const firstIn = last.sets.map(({ held }) => holds(held, sources[0]));
  return { first: share(sources.slice(0, 1)), firstIn, later: share(sources.slice(1)), any: share(sources), safe };
}

/**
 * Runs the full cache and the policy on the same problems.
 * @param policy with one set a layer
 * @throws as `Engine.generateMany`
 */
export async function lookupCell(bundle: Bundle, task: string, arm: string, policy: Policy, window: number, options: { problems: number; split?: Split; seed?: number; batch?: number }): Promise<LookupCell> {
  const { problems, split = 'tune', seed = 0, batch = defaultBatch } = options;
  const { engine, tokenizer } = bundle;
  const { maxTokens, ...sampling } = bundle.defaults;
  const asked = Array.from({ length: problems }, (_, i) => tasks[task].problem(split, i));
  const prompts = asked.map(({ prompt }) => tokenizer.encode(prompt));
  const run = (own: Policy, trace: boolean) =>
    engine.generateMany(prompts.map((promptIds, i) => ({ promptIds, policy: own, sampling: { ...sampling, seed }, maxTokens, stream: [i, 0] as [number, number], trace })), { batch });
  const correct = (ids: number[], i: number): boolean => tasks[task].grade(asked[i], tokenizer.decode(ids)).correct;
  const whole = await run({ name: 'full' }, false);
  const results = await run(policy, true);
  return {
    task,
    arm,
    problems: results.map(({ ids, trace = [] }, i) => {
      const words = [...prompts[i], ...ids].map((id) => tokenizer.token(id)!);
      return { correct: correct(ids, i), ...lookupsHeld(words, prompts[i].length, retained(trace, prompts[i].length), window) };
    }),
    full: whole.map(({ ids }, i) => Number(correct(ids, i))).join(''),
  };
}
