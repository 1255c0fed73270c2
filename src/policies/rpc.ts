import { choice, odd, optionParser, refuse } from './options.js';
import { capSchedule, periodicFields, ratioSchedule, settleBudget } from './periodic.js';
import type { RpcOptions, RpcPolicy } from './policy.js';
import type { PolicyRow, Schedule } from './row.js';
import type { Scorer } from './scorer.js';

const fields = {
  ...periodicFields,
  preset: choice('corrected', 'reference').default('corrected'),
  kernel: odd().optional(),
  pooling: choice('avg', 'max', 'none').default('avg'),
  neighbours: choice('cache', 'position').optional(),
  aggregation: choice('layer', 'group', 'head').default('layer'),
  selectors: choice('recent', 'prompt', 'all').default('recent'),
};

/** RPC's options, of itself and of a policy that differs in the choice alone. */
export function rpcSettler(name: string): (given: Record<string, unknown>) => RpcOptions {
  const parse = optionParser(name, fields);
  return (given) => {
    const { kernel, neighbours, ...options } = parse(given);
    const pools = options.pooling !== 'none';
    // What pooling `none` settles to is accepted again, so that a settled policy stays what it is.
    if (!pools && (kernel ?? 1) !== 1) refuse('kernel', kernel, 'means nothing with pooling none');
    if (!pools && (neighbours ?? 'cache') !== 'cache') refuse('neighbours', neighbours, 'means nothing with pooling none');
    return settleBudget({ ...options, kernel: kernel ?? (pools ? 7 : 1), neighbours: neighbours ?? 'cache' });
  };
}

export function rpcSchedule(policy: RpcOptions): Schedule {
  const { budget, interval, preset, window } = policy;
  if (budget === 'cap') return capSchedule(policy, window);
  const ratio = policy.ratio!;
  return ratioSchedule(policy, (n) =>
    preset === 'reference' ? n * Math.floor(interval / ratio) : Math.floor((n * interval) / ratio),
  );
}

const settle = rpcSettler('rpc');
const isScorer = (value: unknown): value is Scorer => typeof value === 'function';

function settleRpc({ score, scoreKeys, ...given }: Record<string, unknown>): RpcPolicy {
  const policy = { name: 'rpc', ...settle(given) } as const;
  if (score === undefined) return scoreKeys === undefined ? policy : refuse('scoreKeys', scoreKeys, 'means something with a score only');
  if (!isScorer(score)) return refuse('score', score, 'must be a function');
  if (scoreKeys !== undefined && typeof scoreKeys !== 'boolean') refuse('scoreKeys', scoreKeys, 'must be true or false');
  if (policy.aggregation === 'head') refuse('aggregation', 'head', 'a function scores a set of a layer, or of a key-value head');
  return { ...policy, score, ...(scoreKeys === true && { scoreKeys }) };
}

/** Reasoning Path Compression (arXiv 2505.13866); the presets are compared in native/policies/rpc.cc. */
export const rpc: PolicyRow<RpcPolicy> = {
  name: 'rpc',
  summary: 'the latest queries vote on which generated tokens stay',
  settle: settleRpc,
  schedule: rpcSchedule,
};
