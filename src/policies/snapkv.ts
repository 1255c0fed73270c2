import { aggregationField, cappedFields, poolingFields, prefillSchedule, settleCapped, settlePooling } from './capped.js';
import { optionParser } from './options.js';
import type { SnapKvPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('snapkv', { ...cappedFields, ...poolingFields('avg'), aggregation: aggregationField('group') });

/** SnapKV (arXiv 2404.14469). */
export const snapkv: PolicyRow<SnapKvPolicy> = {
  name: 'snapkv',
  summary: 'once, at prefill, the prompt’s last queries vote on which of its tokens stay',
  settle: (given) => settleCapped({ name: 'snapkv', ...settlePooling(parse(given), 5) }, { when: 'prefill', window: 32 }),
  schedule: prefillSchedule,
};
