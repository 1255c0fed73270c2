/** A cache policy with every option settled: what records carry and the native engine takes. */

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
  pinPrompt: boolean;
}

/** Those that evict now and then whatever their budget. */
export interface PeriodicPolicy extends EvictingPolicy {
  interval: number;
  window: number;
}

export interface FullPolicy {
  name: 'full';
}

export interface RpcOptions extends PeriodicPolicy {
  preset: 'corrected' | 'reference';
  /** Width of the pooling, odd; 1 with pooling `none`. */
  kernel: number;
  pooling: 'avg' | 'max' | 'none';
  neighbours: 'cache' | 'position';
  aggregation: 'layer' | 'group' | 'head';
  selectors: 'recent' | 'prompt' | 'all';
}

export interface RpcPolicy extends RpcOptions {
  name: 'rpc';
}

export interface RpcShuffledPolicy extends RpcOptions {
  name: 'rpc-shuffled';
}

export interface RecencyPolicy extends PeriodicPolicy {
  name: 'recency';
}

export interface RandomPolicy extends PeriodicPolicy {
  name: 'random';
  draw: 'persistent' | 'redraw';
  granularity: 'layer' | 'head';
}

/** One set a layer, or one a key-value head. */
interface Aggregated {
  aggregation: 'layer' | 'group';
}

interface Pooled {
  kernel: number;
  pooling: 'avg' | 'max' | 'none';
}

export interface H2oPolicy extends EvictingPolicy, Aggregated {
  name: 'h2o';
  /** The latest are the other half of the room beside what is pinned, or the window. */
  recent: 'half' | 'window';
}

export interface TovaPolicy extends EvictingPolicy, Aggregated {
  name: 'tova';
}

export interface RaasPolicy extends EvictingPolicy, Aggregated {
  name: 'raas';
}

export interface StreamingPolicy extends EvictingPolicy {
  name: 'streaming';
  /** First entries that never leave. */
  sinks: number;
}

export interface SnapKvPolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'snapkv';
}

export interface SnapKvDecodePolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'snapkv-decode';
}

export interface AdaKvPolicy extends EvictingPolicy, Pooled {
  name: 'adakv';
  /** Share of its mean places that a head keeps whatever the others score. */
  floor: number;
}

export interface RKvPolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'r-kv';
  /** Share of the votes; the rest is taken off for redundancy. */
  lambda: number;
}

export interface VasePolicy extends EvictingPolicy, Aggregated, Pooled {
  name: 'vase';
  sinks: number;
}

export interface LazyEvictionPolicy extends EvictingPolicy, Aggregated {
  name: 'lazy-eviction';
  /** Attention above it counts as a visit. */
  threshold: number;
}

export interface QuestPolicy {
  name: 'quest';
  /** Entries that a decode pass reads of each head at most, in whole pages. */
  keep: number;
}

export type Policy =
  | FullPolicy
  | RpcPolicy
  | RpcShuffledPolicy
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
