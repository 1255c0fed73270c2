import { aggregationField, cappedFields, settleCapped } from './capped.js';
import { optionParser, share } from './options.js';
import { periodicSchedule } from './periodic.js';
import type { LazyEvictionPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('lazy-eviction', {
  ...cappedFields,
  aggregation: aggregationField('group'),
  threshold: share().lt(1, 'must be below 1').default(1e-4),
});

/** LazyEviction (arXiv 2506.15969). Every token but the pinned ones may leave, the newest too, under a ratio as under a cap. */
export const lazyEviction: PolicyRow<LazyEvictionPolicy> = {
  name: 'lazy-eviction',
  summary: 'tokens leave that were not attended to for long, measured by their own longest pause',
  settle: (given) => settleCapped({ name: 'lazy-eviction', ...parse(given) }, { when: 'interval', interval: 128 }),
  schedule: periodicSchedule,
};
