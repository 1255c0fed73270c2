/** A cache policy with every option settled: what records carry and the native engine takes. */

import type { Scorer } from './scorer.js';

/** What the policies share that evict. */
export interface EvictingPolicy {
  /** Left out where a cap does not need it: at every step, or once. */
  interval?: number;
  /** Latest tokens, kept and voting; left out where a cap has none. */
  window?: number;
  /** One of this many generated entries stays; with budget `ratio` only. */
  ratio?: number;
  budget: 'ratio' | 'cap';
  /** Entries held after an eviction, pinned ones included; with budget `cap` only. */
  keep?: number;
  /** The prompt's entries always stay. */
  pinPrompt: boolean;
}

/** Those that evict now and then whatever their budget. */
export interface PeriodicPolicy extends EvictingPolicy {
  /** P, in generated tokens: compressions come at N·P + R. */
  interval: number;
  /** R, in tokens: the latest entries, which always stay. */
  window: number;
}

/** Nothing is evicted. */
export interface FullPolicy {
  name: 'full';
}

/** Those that draw lots. */
export interface DrawingPolicy {
  /** Keys the lots, with problem and sample, in place of the sampling's seed, which keys them where it is left out. */
  drawSeed?: number;
}

/** Who votes, and how votes are added. */
export interface RpcOptions extends PeriodicPolicy {
  preset: 'corrected' | 'reference';
  /** Width of the pooling, odd; 1 with pooling `none`. */
  kernel: number;
  pooling: 'avg' | 'max' | 'none';
  neighbours: 'cache' | 'position';
  aggregation: 'layer' | 'group' | 'head';
  selectors: 'recent' | 'prompt' | 'all';
}

/** Reasoning Path Compression (arXiv 2505.13866): what the last R queries attend to stays. */
export interface RpcPolicy extends RpcOptions {
  name: 'rpc';
  /** A score of one's own in place of the votes. */
  score?: Scorer;
  /** Show it the keys too. */
  scoreKeys?: boolean;
}

/** The control that gives RPC's scores to other entries of the same age. */
export interface RpcShuffledPolicy extends RpcOptions, DrawingPolicy {
  name: 'rpc-shuffled';
}

/** RPC upside down, a check of the instrument: what the last R queries attend to least stays. */
export interface RpcInvertedPolicy extends RpcOptions {
  name: 'rpc-inverted';
}

/** An oracle, not a method: what the next tokens attend to stays, as they come where nothing leaves. */
export interface LookaheadPolicy extends PeriodicPolicy, Pooled {
  name: 'lookahead';
  /** Tokens generated to see; left out: as many as an interval has. */
  ahead?: number;
}

/** RPC at intervals that end where the model is sure: P / 2 to 2·P tokens, see native/policies/adaptive.cc. */
export interface AdaptivePolicy extends RpcOptions {
  name: 'adaptive';
  /** An interval ends where the last R tokens came with no more entropy than all so far, or with no less. */
  moment: 'sure' | 'unsure';
}

/** The control that keeps the latest entries. */
export interface RecencyPolicy extends PeriodicPolicy {
  name: 'recency';
}

/** The control that draws lots: one priority for an entry's life, or anew at each compression. */
export interface RandomPolicy extends PeriodicPolicy, DrawingPolicy {
  name: 'random';
  draw: 'persistent' | 'redraw';
  granularity: 'layer' | 'head';
  /** Neighbouring positions that are drawn together, as RPC's pooling keeps neighbours; left out: 1. */
  run?: number;
}

/** One set a layer, or one a key-value head. */
interface Aggregated {
  aggregation: 'layer' | 'group';
}

interface Pooled {
  kernel: number;
  pooling: 'avg' | 'max' | 'none';
}

/** H2O (arXiv 2306.14048): heavy hitters by attention accumulated over all queries, and the latest entries. */
export interface H2oPolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'h2o';
  /** The latest are the other half of the room beside what is pinned, or the window. */
  recent: 'half' | 'window';
}

/** TOVA (arXiv 2401.06104): at every step the entry that the current query attends to least goes. */
export interface TovaPolicy extends EvictingPolicy, Aggregated {
  name: 'tova';
}

/** RaaS (arXiv 2502.11147): the entry goes whose attention was last among the highest the longest ago. */
export interface RaasPolicy extends EvictingPolicy, Aggregated {
  name: 'raas';
}

/** StreamingLLM (arXiv 2309.17453): the first entries and the latest. */
export interface StreamingPolicy extends EvictingPolicy {
  name: 'streaming';
  /** First entries that never leave. */
  sinks: number;
}

/** SnapKV (arXiv 2404.14469): once, at the end of prefill: what the prompt's last queries attend to. */
export interface SnapKvPolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'snapkv';
}

/** SnapKV's score, again and again while the model generates. */
export interface SnapKvDecodePolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'snapkv-decode';
}

/** AdaKV (arXiv 2407.11550): SnapKV's score with a layer's places shared out over its heads. */
export interface AdaKvPolicy extends EvictingPolicy, Pooled {
  name: 'adakv';
  /** Share of its mean places that a head keeps whatever the others score. */
  floor: number;
}

/** R-KV (arXiv 2505.24133): votes less redundancy: keys that resemble later ones lose. */
export interface RKvPolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'r-kv';
  /** Share of the votes; the rest is taken off for redundancy. */
  lambda: number;
}

/** VaSE (arXiv 2606.03928): a part by the range of the values, the rest drawn in proportion to SnapKV's score. */
export interface VasePolicy extends EvictingPolicy, Aggregated, Pooled, DrawingPolicy {
  name: 'vase';
  sinks: number;
}

/** LazyEviction (arXiv 2506.15969): what was visited long ago, by its own longest gap between visits, goes. */
export interface LazyEvictionPolicy extends EvictingPolicy, Aggregated {
  name: 'lazy-eviction';
  /** Attention above it counts as a visit. */
  threshold: number;
}

/** Quest (arXiv 2406.10774): evicts nothing; each pass reads the pages whose keys could score highest. */
export interface QuestPolicy {
  name: 'quest';
  /** Entries that a decode pass reads of each head at most, in whole pages. */
  keep: number;
}

/** Any policy, by its `name`; `settlePolicy` makes them. */
export type Policy =
  | FullPolicy
  | RpcPolicy
  | RpcShuffledPolicy
  | RpcInvertedPolicy
  | LookaheadPolicy
  | AdaptivePolicy
  | RecencyPolicy
  | RandomPolicy
  | H2oPolicy
  | TovaPolicy
  | StreamingPolicy
  | SnapKvPolicy
  | SnapKvDecodePolicy
  | AdaKvPolicy
  | RKvPolicy
  | VasePolicy
  | RaasPolicy
  | LazyEvictionPolicy
  | QuestPolicy;
