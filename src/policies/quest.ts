import { choice, count, flag, optionParser, refuse } from './options.js';
import type { QuestPolicy } from './policy.js';
import type { PolicyRow } from './row.js';

const page = 16; // entries of a page in the pool (native/engine/kernels.h)

const parse = optionParser('quest', {
  keep: count().optional(),
  budget: choice('ratio', 'cap').optional(),
  pinPrompt: flag().optional(),
});

/**
 * Quest (arXiv 2406.10774). A page's score is summed over the group's query heads; the newest page is always read, and
 * counts among the ⌊keep / 16⌋. While there are no more pages than that, all are read.
 */
export const quest: PolicyRow<QuestPolicy> = {
  name: 'quest',
  summary: 'nothing is evicted; each pass reads only the pages that may hold the largest products with its query',
  settle(given) {
    const { budget = 'cap', keep, pinPrompt } = parse(given);
    if (budget === 'ratio') refuse('budget', budget, 'policy quest evicts nothing, keep says what a pass reads');
    if (pinPrompt !== undefined) refuse('pinPrompt', pinPrompt, 'policy quest evicts nothing');
    if (keep === undefined) return refuse('keep', keep, 'policy quest needs it: the entries that a pass reads');
    if (keep < page) refuse('keep', keep, `less than a page of ${page} entries`);
    return { name: 'quest', keep };
  },
  schedule: () => null,
};
