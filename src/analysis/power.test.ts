import { describe, expect, it } from 'vitest';
import { isEquivalent } from './decision.js';
import { pairSpread, problemsForEquivalence } from './power.js';
import { normalQuantile } from './quantiles.js';
import { strataDifference } from './strata.js';

describe('how many problems suffice', { timeout: 60000 }, () => {
  it('normal quantiles are scipy’s (norm.ppf)', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 8);
    expect(normalQuantile(0.95)).toBeCloseTo(1.6448536269514722, 8);
    expect(normalQuantile(0.9995)).toBeCloseTo(3.290526731491926, 8);
    expect(normalQuantile(0.5)).toBeCloseTo(0, 8);
    expect(() => normalQuantile(1)).toThrow(/not 1/);
  });

  it('parts the spread of draws from that of problems', () => {
    // By hand: draws vary by ½, 0, 0, ½, mean ¼; differences ½, 0, 0, −½ by 1/6, of which ¼ / 2 is the draws'.
    const spread = pairSpread({ a: [[1], [0], [1], [0]], b: [[1, 0], [0, 0], [1, 1], [0, 1]] });
    expect(spread).toEqual({ problems: expect.closeTo(1 / 6 - 1 / 8, 12), drawsA: 0, drawsB: 0.25 });
    expect(() => pairSpread({ a: [[1]], b: [[0]] })).toThrow(/two problems/);
  });

  it('by hand: a fifth of the problems discordant, equally either way, and a margin of 3 points', () => {
    // Variance 0.2; ((1.959964 + 1.644854) · √0.2 / 0.03)² = 53.7374² = 2887.7.
    expect(problemsForEquivalence({ problems: 0.2, drawsA: 0, drawsB: 0 })).toBe(2888);
    // Three draws of b: 0.1 + 0.21 / 3 = 0.17 truly, 0.21 · 2 / 9 more shown: (1.959964 · √0.216667 + 1.644854 · √0.17) / 0.03 = 53.0168.
    expect(problemsForEquivalence({ problems: 0.1, drawsA: 0, drawsB: 0.21 }, { drawsB: 3 })).toBe(2811);
    // None discordant: 1.959964² · (1 / 0.03 − 1) = 124.2.
    expect(problemsForEquivalence({ problems: 0, drawsA: 0, drawsB: 0 })).toBe(125);
    expect(() => problemsForEquivalence({ problems: 0.2, drawsA: 0, drawsB: 0 }, { margin: 0 })).toThrow(/margin 0/);
  });

  it('keeps its promise: so many problems show equivalence about so often', () => {
    let state = 99;
    const uniform = (): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
    const outcomes = (problems: number) => {
      const ease = Array.from({ length: problems }, uniform);
      return { a: ease.map((share) => [Number(uniform() < share)]), b: ease.map((share) => [1, 2, 3].map(() => Number(uniform() < share))) };
    };
    const goal = { margin: 0.1, power: 0.8, drawsB: 3 };
    const problems = problemsForEquivalence(pairSpread(outcomes(4000)), goal);
    let shown = 0;
    for (let trial = 0; trial < 150; trial++) {
      if (isEquivalent(strataDifference([outcomes(problems)], { seed: trial, resamples: 300 }).each[0], goal.margin)) shown++;
    }
    expect(shown / 150).toBeGreaterThan(0.8 - 0.1); // three standard deviations: 0.1
    expect(shown / 150).toBeLessThan(0.8 + 0.1);
  });
});
