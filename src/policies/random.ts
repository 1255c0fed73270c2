import { choice, drawSeedField, optionParser } from './options.js';
import { periodicSchedule, periodicFields, settleBudget } from './periodic.js';
import type { RandomPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('random', {
  ...periodicFields,
  ...drawSeedField,
  draw: choice('persistent', 'redraw').default('persistent'),
  granularity: choice('layer', 'head').default('layer'),
});

export const random: PolicyRow<RandomPolicy> = {
  name: 'random',
  summary: 'random tokens stay, drawn once for life or anew at each compression: the other control',
  settle: (given) => settleBudget({ name: 'random', ...parse(given) }),
  schedule: periodicSchedule,
};
