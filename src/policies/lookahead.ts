import { poolingFields, settlePooling } from './capped.js';
import { count, optionParser } from './options.js';
import { capSchedule, periodicFields, periodicSchedule, settleBudget } from './periodic.js';
import type { LookaheadPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const parse = optionParser('lookahead', { ...periodicFields, ...poolingFields('avg'), ahead: count().optional() });

/** An oracle: at each trigger the next tokens are generated with everything kept, looked at, and forgotten again. */
export const lookahead: PolicyRow<LookaheadPolicy> = {
  name: 'lookahead',
  summary: 'an oracle, to see what a score could win: what the next tokens will attend to stays',
  settle: (given) => settleBudget({ name: 'lookahead', ...settlePooling(parse(given), 7) }),
  schedule: (policy) => ({
    ...(policy.budget === 'cap' ? capSchedule(policy, policy.window) : periodicSchedule(policy)),
    passesAfter: 1, // it must have seen something
  }),
};
