import { aggregationField, cappedFields, poolingFields, settleCapped, settlePooling } from './capped.js';
import { count, drawSeedField, optionParser } from './options.js';
import { periodicSchedule } from './periodic.js';
import type { VasePolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('vase', {
  ...cappedFields,
  ...poolingFields('avg'),
  ...drawSeedField,
  aggregation: aggregationField('group'),
  sinks: count(0).default(4),
});

/**
 * VaSE (arXiv 2606.03928). The quarter with the widest values is one of the places that neither sinks nor the last R take;
 * the draw is by votes whose softmax runs over candidates and sinks alone, where SnapKV's runs over the whole row.
 */
export const vase: PolicyRow<VasePolicy> = {
  name: 'vase',
  summary: 'a quarter of those that stay have the widest values, the others are drawn in proportion to snapkv’s votes',
  settle: (given) =>
    settleCapped({ name: 'vase', ...settlePooling(parse(given), 5) }, { when: 'interval', interval: 64, window: 64 }),
  schedule: periodicSchedule,
};
