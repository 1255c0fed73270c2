import { cappedFields, settleCapped, stepSchedule } from './capped.js';
import { count, optionParser } from './options.js';
import type { StreamingPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('streaming', { ...cappedFields, sinks: count(0).default(4) });

/** StreamingLLM (arXiv 2309.17453): keys are rotated by their place in the cache. */
export const streaming: PolicyRow<StreamingPolicy> = {
  name: 'streaming',
  summary: 'the first tokens and the latest stay, at their places in the cache',
  settle: (given) => settleCapped({ name: 'streaming', ...parse(given) }, { when: 'everyStep' }),
  schedule: stepSchedule,
};
