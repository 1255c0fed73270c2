import type { Policy } from './policy.js';

/** When a policy compresses and what it leaves, in entries of one set, the prompt's included; the mean where sets differ. */
export interface Schedule {
  /** Generated tokens whose entries exist at the n-th compression, n ≥ 1; 0 at the end of prefill. */
  trigger(n: number, promptTokens: number): number;
  /** Decode passes that must follow a trigger, else its compression is not done; 0 where not given. */
  passesAfter?: number;
  /** Entries right after the n-th compression of a cache that held `before`. */
  after(n: number, promptTokens: number, before: number): number;
}

/** A policy's row in the registry. */
export interface PolicyRow<P extends Policy = Policy> {
  readonly name: P['name'];
  /** For lists and help. */
  readonly summary: string;
  /** Fills in the defaults. Throws PathPressError BAD_OPTION, naming option and value. */
  settle(given: Record<string, unknown>): P;
  /** null where nothing is ever evicted. */
  schedule(policy: P): Schedule | null;
}
