import { optionParser } from './options.js';
import type { FullPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('full', {});

export const full: PolicyRow<FullPolicy> = {
  name: 'full',
  summary: 'nothing is evicted',
  settle: (given) => ({ name: 'full', ...parse(given) }),
  schedule: () => null,
};
