import { cappedFields, poolingFields, prefillSchedule, settleCapped, settlePooling } from './capped.js';
import { optionParser, share } from './options.js';
import type { AdaKvPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('adakv', { ...cappedFields, ...poolingFields('max'), floor: share().default(0.2) });

/** AdaKV (arXiv 2407.11550): `keep` is the mean over the key-value heads of a layer. */
export const adakv: PolicyRow<AdaKvPolicy> = {
  name: 'adakv',
  summary: 'snapkv with the places shared out among the heads of a layer',
  settle: (given) => settleCapped({ name: 'adakv', ...settlePooling(parse(given), 7) }, { when: 'prefill', window: 32 }),
  schedule: prefillSchedule,
};
