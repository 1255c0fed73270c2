import { expect, it } from 'vitest';
import { lookupShares } from './lookup-shares.js';

it('counts what was never reached as wrong, and what was said beyond what was asked', () => {
  // Chains of 48 nodes, of which the prompt gives 4: two look-ups in each of the 44 others, 88.
  const records = [
    { right: 88, total: 88 },
    { right: 22, total: 22 },
    { right: 66, total: 88 },
    { right: 44, total: 176 },
    { right: 0, total: 0 },
    { right: 29, total: 40 },
  ].map((lookups, problem) => ({ problem, split: 'tune' as const, lookups }));
  expect(lookupShares(records, 'chains')).toEqual([1, 0.25, 0.75, 0.25, 0, 0.3295]);
});
