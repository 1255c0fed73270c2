/** A cache policy with every option settled: what records carry and the native engine takes. */

/** What the policies share that evict now and then, not at every step. */
export interface PeriodicPolicy {
  interval: number;
  window: number;
  /** One of this many generated entries stays; with budget `ratio` only. */
  ratio?: number;
  budget: 'ratio' | 'cap';
  /** Entries held after an eviction, pinned ones included; with budget `cap` only. */
  keep?: number;
  pinPrompt: boolean;
}

export interface FullPolicy {
  name: 'full';
}

export interface RpcPolicy extends PeriodicPolicy {
  name: 'rpc';
  preset: 'corrected' | 'reference';
  /** Width of the pooling, odd; 1 with pooling `none`. */
  kernel: number;
  pooling: 'avg' | 'max' | 'none';
  neighbours: 'cache' | 'position';
  aggregation: 'layer' | 'group' | 'head';
  selectors: 'recent' | 'prompt' | 'all';
}

export interface RecencyPolicy extends PeriodicPolicy {
  name: 'recency';
}

export interface RandomPolicy extends PeriodicPolicy {
  name: 'random';
  draw: 'persistent' | 'redraw';
  granularity: 'layer' | 'head';
}

export type Policy = FullPolicy | RpcPolicy | RecencyPolicy | RandomPolicy;
