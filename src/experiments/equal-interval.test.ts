import { expect, it } from 'vitest';
import type { AdaptivePolicy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { equalInterval } from './equal-interval.js';

const policy = settlePolicy('adaptive', { interval: 4, window: 2, ratio: 2 }) as AdaptivePolicy;
const sample = (meanEntries: number) => ({ promptTokens: 5, generatedTokens: 10, finish: 'stop' as const, meanEntries });

// By hand, ten passes: fixed intervals of 1 token (at 3, 4 …, which leave 7, 8, 8, 9, 9, 10, 10) attend to 6, 7, 8, 8, 9, 9, 10,
// 10, 11, 11: 89 in all; of 2 (at 4, 6, 8, which leave 8, 9, 10) to 6 … 9, 9, 10, 10, 11, 11, 12: 93; of 4 (at 6, which leaves 9)
// to 6 … 11, 10 … 13: 97; of 8 (at 10, when the last pass is done) to all, 105.
it('is the fixed interval that holds as many entries over the same outputs, or the next above', () => {
  expect([8.9, 8.95, 9.3, 9.7, 10.5].map((held) => equalInterval([sample(held)], policy))).toEqual([1, 2, 2, 4, 8]);
  expect(equalInterval([sample(8.9), sample(9.7)], policy)).toBe(2); // means over samples
});
