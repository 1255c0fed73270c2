import { choice, count, drawSeedField, optionParser } from './options.js';
import { periodicSchedule, periodicFields, settleBudget } from './periodic.js';
import type { RandomPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('random', {
  ...periodicFields,
  ...drawSeedField,
  draw: choice('persistent', 'redraw').default('persistent'),
  granularity: choice('layer', 'head').default('layer'),
  run: count().optional(),
});

export const random: PolicyRow<RandomPolicy> = {
  name: 'random',
  summary: 'random tokens stay, drawn once for life or anew at each compression: the other control',
  settle(given) {
    const { run = 1, ...options } = parse(given);
    return settleBudget({ name: 'random', ...options, ...(run > 1 && { run }) }); // single tokens are what it means to leave it out
  },
  schedule: periodicSchedule,
};
