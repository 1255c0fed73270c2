/** A cache policy with every option settled: what records carry and the native engine takes. */

interface Periodic {
  interval: number;
  window: number;
  ratio: number;
  budget: 'ratio' | 'cap';
  /** Entries held after an eviction, pinned ones included; with budget `cap` only. */
  keep?: number;
  pinPrompt: boolean;
}

export interface FullPolicy {
  name: 'full';
}

export interface RpcPolicy extends Periodic {
  name: 'rpc';
  preset: 'corrected' | 'reference';
  kernel: number;
  pooling: 'avg' | 'max' | 'none';
  neighbours: 'cache' | 'position';
  aggregation: 'layer' | 'group' | 'head';
  selectors: 'recent' | 'prompt' | 'all';
}

export interface RecencyPolicy extends Periodic {
  name: 'recency';
}

export interface RandomPolicy extends Periodic {
  name: 'random';
  draw: 'persistent' | 'redraw';
  granularity: 'layer' | 'head';
}

export type Policy = FullPolicy | RpcPolicy | RecencyPolicy | RandomPolicy;
