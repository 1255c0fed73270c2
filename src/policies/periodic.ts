import { choice, count, factor, flag, refuse } from './options.js';
import type { EvictingPolicy, PeriodicPolicy } from './policy.js';
import type { Schedule } from './row.js';

/** Options that every periodic policy has. */
export const periodicFields = {
  interval: count().default(1024),
  window: count().default(32),
  ratio: factor().optional(),
  budget: choice('ratio', 'cap').default('ratio'),
  keep: count().optional(),
  pinPrompt: flag().default(true),
};

/** Fills in what depends on the budget, and refuses what means nothing under it. */
export function settleBudget<P extends PeriodicPolicy>(options: P): P {
  const { budget, keep, ratio, window } = options;
  if (budget === 'ratio') {
    if (keep !== undefined) refuse('keep', keep, 'means something with budget cap only');
    return { ...options, ratio: ratio ?? 4 };
  }
  if (ratio !== undefined) refuse('ratio', ratio, 'means nothing with budget cap, which keep sets');
  if (keep === undefined) refuse('keep', keep, 'budget cap needs it');
  if (keep < window) refuse('keep', keep, `less than the window ${window}`);
  return options;
}

/** RPC's own: after the n-th compression, at n·interval + window generated tokens, `kept(n)` of the candidates stay. */
export function ratioSchedule({ interval = 0, window = 0 }: EvictingPolicy, kept: (n: number) => number): Schedule {
  return {
    trigger: (n) => n * interval + window,
    after: (n, promptTokens) => promptTokens + kept(n) + window,
  };
}

/** A cap of `keep` entries, at n·interval + `late` generated tokens. */
export function capSchedule({ interval = 0, keep }: EvictingPolicy, late: number): Schedule {
  return {
    trigger: (n) => n * interval + late,
    after: (_n, _promptTokens, before) => Math.min(before, keep!),
  };
}

/** Of those that do as RPC does under a ratio, and evict at n·interval under a cap. */
export function periodicSchedule(policy: EvictingPolicy): Schedule {
  if (policy.budget === 'cap') return capSchedule(policy, 0);
  return ratioSchedule(policy, (n) => Math.floor((n * policy.interval!) / policy.ratio!));
}
