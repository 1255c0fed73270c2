import { aggregationField, cappedFields, settleCapped, stepSchedule } from './capped.js';
import { optionParser } from './options.js';
import type { TovaPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('tova', { ...cappedFields, aggregation: aggregationField('layer') });

/** TOVA (arXiv 2401.06104). */
export const tova: PolicyRow<TovaPolicy> = {
  name: 'tova',
  summary: 'the token that the current query attends to least leaves',
  settle: (given) => settleCapped({ name: 'tova', ...parse(given) }, { when: 'everyStep' }),
  schedule: stepSchedule,
};
