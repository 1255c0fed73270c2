import { choice, count, factor, flag, odd, refuse } from './options.js';
import { periodicSchedule } from './periodic.js';
import type { EvictingPolicy } from './policy.js';
import type { Schedule } from './row.js';

/** Options of the policies that are published with a fixed budget and without the prompt pinned. */
export const cappedFields = {
  interval: count().optional(),
  window: count().optional(),
  ratio: factor().optional(),
  budget: choice('ratio', 'cap').default('cap'),
  keep: count().optional(),
  pinPrompt: flag().default(false),
};

export const aggregationField = (published: 'layer' | 'group') => choice('layer', 'group').default(published);

/** Pooling of the votes; what `none` settles to is accepted again. */
export const poolingFields = (published: 'avg' | 'max' | 'none') => ({
  kernel: odd().optional(),
  pooling: choice('avg', 'max', 'none').default(published),
});

export function settlePooling<P extends { kernel?: number; pooling: string }>(options: P, width: number): P & { kernel: number } {
  const { kernel, pooling } = options;
  if (pooling === 'none' && (kernel ?? 1) !== 1) refuse('kernel', kernel, 'means nothing with pooling none');
  return { ...options, kernel: kernel ?? (pooling === 'none' ? 1 : width) };
}

/** When a policy evicts under a cap, and what it takes of RPC's knobs by default. */
export interface Habits {
  when: 'interval' | 'everyStep' | 'prefill';
  interval?: number;
  /** Latest tokens, kept and voting; left out where a cap has none. */
  window?: number;
}

/** Fills in what depends on the budget, and refuses what means nothing under it. */
export function settleCapped<P extends EvictingPolicy & { name: string }>(options: P, { when, ...habits }: Habits): P {
  const { name, budget, keep, pinPrompt, ratio, interval, window } = options;
  if (when === 'prefill') {
    if (budget === 'ratio') refuse('budget', budget, `policy ${name} evicts at prefill, a ratio during generation only`);
    if (pinPrompt) refuse('pinPrompt', pinPrompt, `policy ${name} evicts from the prompt only`);
  }
  if (budget === 'ratio') {
    if (keep !== undefined) refuse('keep', keep, 'means something with budget cap only');
    return { ...options, interval: interval ?? habits.interval ?? 1024, window: window ?? habits.window ?? 32, ratio: ratio ?? 4 };
  }
  if (ratio !== undefined) refuse('ratio', ratio, 'means nothing with budget cap, which keep sets');
  if (keep === undefined) return refuse('keep', keep, 'budget cap needs it');
  if (interval !== undefined && when !== 'interval') {
    refuse('interval', interval, `policy ${name} evicts ${when === 'prefill' ? 'once' : 'at every step'} with budget cap`);
  }
  if (window !== undefined && habits.window === undefined) refuse('window', window, `policy ${name} has none with budget cap`);
  // A published window may be too wide for a small cap: then it takes half.
  const fitting = habits.window === undefined ? undefined : (window ?? Math.max(1, Math.min(habits.window, Math.floor(keep / 2))));
  if (fitting !== undefined && keep < fitting) refuse('keep', keep, `less than the window ${fitting}`);
  return {
    ...options,
    ...(when === 'interval' && { interval: interval ?? habits.interval }),
    ...(fitting !== undefined && { window: fitting }),
  };
}

/** The smallest cap that has room for what is pinned: sinks or the prompt, and the window or the newest entry. */
export function leastCap({ pinPrompt, sinks = 0, window }: Partial<EvictingPolicy> & { sinks?: number }, promptTokens: number): number {
  return Math.max(sinks, pinPrompt ? promptTokens : 0) + (window ?? 1);
}

/** @throws PathPressError BAD_OPTION where a cap has no room for what is pinned. */
export function admitPrompt(policy: Partial<EvictingPolicy> & { sinks?: number }, promptTokens: number): void {
  const { keep, window } = policy;
  if (keep === undefined) return;
  const least = leastCap(policy, promptTokens);
  const which = window === undefined ? 'the newest' : 'window';
  if (keep < least) refuse('keep', keep, `less than the ${least} entries that are pinned (prompt and ${which})`);
}

/** Of a policy that evicts at every step under a cap: from the first on that leaves more, the prefill among them. */
export function stepSchedule(policy: EvictingPolicy): Schedule {
  if (policy.budget === 'ratio') return periodicSchedule(policy);
  const keep = policy.keep!;
  return { trigger: (n, promptTokens) => Math.max(-1, keep - promptTokens) + n, after: () => keep };
}

/** Once, when the prompt is written. */
export function prefillSchedule({ keep }: EvictingPolicy): Schedule {
  return { trigger: (n) => (n === 1 ? 0 : Infinity), after: (_n, _promptTokens, before) => Math.min(before, keep!) };
}
