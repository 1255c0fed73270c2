import { aggregationField, cappedFields, poolingFields, settleCapped, settlePooling } from './capped.js';
import { optionParser, share } from './options.js';
import { periodicSchedule } from './periodic.js';
import type { RKvPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('r-kv', {
  ...cappedFields,
  ...poolingFields('max'),
  aggregation: aggregationField('group'),
  lambda: share().default(0.1),
});

/**
 * R-KV (arXiv 2505.24133). Votes are a softmax over the candidates; what a key repeats is measured over all keys, the last
 * R among them.
 */
export const rKv: PolicyRow<RKvPolicy> = {
  name: 'r-kv',
  summary: 'the latest queries vote, less what a key repeats of the others',
  settle: (given) =>
    settleCapped({ name: 'r-kv', ...settlePooling(parse(given), 7) }, { when: 'interval', interval: 128, window: 8 }),
  schedule: periodicSchedule,
};
