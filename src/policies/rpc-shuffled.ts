import { drawSeedField, optionParser } from './options.js';
import type { RpcShuffledPolicy } from './policy.js';
import type { PolicyRow } from './row.js';
import { rpcSchedule, rpcSettler } from './rpc.js';

const settle = rpcSettler('rpc-shuffled');
const parseLots = optionParser('rpc-shuffled', drawSeedField);

/** RPC's age profile without its choice: scores change places at random among candidates of the same tenth by age. */
export const rpcShuffled: PolicyRow<RpcShuffledPolicy> = {
  name: 'rpc-shuffled',
  summary: 'rpc with its scores shuffled among tokens of like age: as many of each age stay, but not the chosen ones',
  settle: ({ drawSeed, ...given }) => ({
    name: 'rpc-shuffled',
    ...settle(given),
    ...(drawSeed !== undefined && parseLots({ drawSeed })),
  }),
  schedule: rpcSchedule,
};
