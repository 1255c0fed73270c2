import { aggregationField, cappedFields, poolingFields, settleCapped, settlePooling } from './capped.js';
import { optionParser } from './options.js';
import { periodicSchedule } from './periodic.js';
import type { SnapKvDecodePolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('snapkv-decode', { ...cappedFields, ...poolingFields('avg'), aggregation: aggregationField('group') });

/** SnapKV's choice made every `interval` tokens, over the prompt and what was generated. */
export const snapkvDecode: PolicyRow<SnapKvDecodePolicy> = {
  name: 'snapkv-decode',
  summary: 'the latest queries vote on which tokens stay, the prompt’s among them',
  settle: (given) =>
    settleCapped({ name: 'snapkv-decode', ...settlePooling(parse(given), 5) }, { when: 'interval', interval: 128, window: 32 }),
  schedule: periodicSchedule,
};
