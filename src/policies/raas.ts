import { aggregationField, cappedFields, settleCapped, stepSchedule } from './capped.js';
import { flag, optionParser } from './options.js';
import type { RaasPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('raas', {
  ...cappedFields,
  pinPrompt: flag().default(true),
  aggregation: aggregationField('group'),
});

/** RaaS (arXiv 2502.11147). */
export const raas: PolicyRow<RaasPolicy> = {
  name: 'raas',
  summary: 'the token leaves that has been out of the upper half of attention for longest',
  settle: (given) => settleCapped({ name: 'raas', ...parse(given) }, { when: 'everyStep' }),
  schedule: stepSchedule,
};
