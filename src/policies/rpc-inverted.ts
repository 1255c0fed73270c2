import type { RpcInvertedPolicy } from './policy.js';
import type { PolicyRow } from './row.js';
import { rpcSchedule, rpcSettler } from './rpc.js';

const settle = rpcSettler('rpc-inverted');

/** RPC upside down: where it does as well as RPC, the task cannot tell scores apart. */
export const rpcInverted: PolicyRow<RpcInvertedPolicy> = {
  name: 'rpc-inverted',
  summary: 'rpc upside down, a check of the instrument: what the latest queries vote for least stays',
  settle: (given) => ({ name: 'rpc-inverted', ...settle(given) }),
  schedule: rpcSchedule,
};
