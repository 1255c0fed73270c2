import { optionParser } from './options.js';
import { periodicSchedule, periodicFields, settleBudget } from './periodic.js';
import type { RecencyPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('recency', periodicFields);

export const recency: PolicyRow<RecencyPolicy> = {
  name: 'recency',
  summary: 'the most recent tokens stay: a control that every score has to beat',
  settle: (given) => settleBudget({ name: 'recency', ...parse(given) }),
  schedule: periodicSchedule,
};
