import { adakv } from './adakv.js';
import { adaptive } from './adaptive.js';
import { full } from './full.js';
import { h2o } from './h2o.js';
import { lazyEviction } from './lazy-eviction.js';
import { lookahead } from './lookahead.js';
import type { Policy } from './policy.js';
import { quest } from './quest.js';
import { rKv } from './r-kv.js';
import { raas } from './raas.js';
import { random } from './random.js';
import { recency } from './recency.js';
import type { PolicyRow } from './row.js';
import { rpcInverted } from './rpc-inverted.js';
import { rpcShuffled } from './rpc-shuffled.js';
import { rpc } from './rpc.js';
import { snapkvDecode } from './snapkv-decode.js';
import { snapkv } from './snapkv.js';
import { streaming } from './streaming.js';
import { tova } from './tova.js';
import { vase } from './vase.js';

/** Every policy; the native registry has the same names. */
export const policies: { [Name in Policy['name']]: PolicyRow<Extract<Policy, { name: Name }>> } = {
  full,
  rpc,
  recency,
  random,
  'rpc-shuffled': rpcShuffled,
  'rpc-inverted': rpcInverted,
  lookahead,
  adaptive,
  h2o,
  tova,
  streaming,
  snapkv,
  'snapkv-decode': snapkvDecode,
  adakv,
  'r-kv': rKv,
  vase,
  raas,
  'lazy-eviction': lazyEviction,
  quest,
};

/** Names that `settlePolicy` takes. */
export const policyNames = Object.keys(policies) as Policy['name'][];

/** The row of a policy, of the type that its policies have. */
export function rowOf<P extends Policy>(policy: P): PolicyRow<P> {
  return policies[policy.name] as unknown as PolicyRow<P>;
}
