import { aggregationField, cappedFields, poolingFields, settleCapped, settlePooling, stepSchedule } from './capped.js';
import { choice, optionParser } from './options.js';
import type { H2oPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('h2o', {
  ...cappedFields,
  ...poolingFields('none'),
  aggregation: aggregationField('group'),
  recent: choice('half', 'window').default('half'),
});

/** H2O (arXiv 2306.14048). */
export const h2o: PolicyRow<H2oPolicy> = {
  name: 'h2o',
  summary: 'the tokens that gathered the most attention so far stay, and the latest',
  settle(given) {
    const options = settlePooling(parse(given), 7);
    return settleCapped({ name: 'h2o', ...options }, { when: 'everyStep', window: options.recent === 'window' ? 32 : undefined });
  },
  schedule: stepSchedule,
};
