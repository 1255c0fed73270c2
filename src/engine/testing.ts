/** What the engine's tests share. */
import { fileURLToPath } from 'node:url';
import type { Policy, RandomPolicy, RecencyPolicy, RpcPolicy } from '../policies/policy.js';
import type { GenerateRequest, Sampling } from './types.js';

/** A folder of data/fixtures/hf. */
export const fixture = (name: string): string => fileURLToPath(new URL(`../../data/fixtures/hf/${name}`, import.meta.url));

export const greedy: Sampling = { temperature: 0, topP: 1, topK: 0, minP: 0, seed: 0 };
export const drawn: Sampling = { temperature: 0.9, topP: 0.95, topK: 0, minP: 0, seed: 7 };
export const full: Policy = { name: 'full' };

/** P = 16, R = 4, c = 4: the setting of the golden facts. */
const periodic = { interval: 16, window: 4, ratio: 4, budget: 'ratio', pinPrompt: true } as const;

export const rpc = (options: Partial<RpcPolicy> = {}): RpcPolicy => ({
  name: 'rpc',
  ...periodic,
  preset: 'corrected',
  kernel: 7,
  pooling: 'avg',
  neighbours: 'cache',
  aggregation: 'layer',
  selectors: 'recent',
  ...options,
});
export const recency = (options: Partial<RecencyPolicy> = {}): RecencyPolicy => ({ name: 'recency', ...periodic, ...options });
export const random = (options: Partial<RandomPolicy> = {}): RandomPolicy => ({
  name: 'random',
  ...periodic,
  draw: 'persistent',
  granularity: 'layer',
  ...options,
});

export const request = (options: Partial<GenerateRequest> = {}): GenerateRequest => ({
  promptIds: [5, 9, 3, 7, 11],
  policy: full,
  sampling: greedy,
  maxTokens: 40,
  stopIds: [],
  ...options,
});
