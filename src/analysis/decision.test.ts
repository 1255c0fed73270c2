import { describe, expect, it } from 'vitest';
import { holm, isEquivalent } from './decision.js';

describe('decisions over several tests', () => {
  it('Holm by hand: the smallest of three times 3, the next times 2, never below the one before', () => {
    const close = (values: number[]) => values.map((value) => expect.closeTo(value, 12));
    expect(holm([0.01, 0.04, 0.03])).toEqual(close([0.03, 0.06, 0.06])); // 0.03 · 2 = 0.06 above 0.04 · 1
    expect(holm([0.04, 0.001, 0.02])).toEqual(close([0.04, 0.003, 0.04]));
    expect(holm([0.5, 0.6, 0.7])).toEqual([1, 1, 1]);
    expect(holm([0.02])).toEqual([0.02]);
    expect(holm([])).toEqual([]);
    expect(() => holm([0.5, 1.2])).toThrow(/1.2/);
    expect(() => holm([Number.NaN])).toThrow(/NaN/);
  });

  it('equivalence: the whole interval within the margin', () => {
    expect(isEquivalent({ low: -0.029, high: 0.02 }, 0.03)).toBe(true);
    expect(isEquivalent({ low: -0.031, high: 0.02 }, 0.03)).toBe(false);
    expect(isEquivalent({ low: 0.01, high: 0.03 }, 0.03)).toBe(false);
    expect(() => isEquivalent({ low: 0, high: 0 }, 0)).toThrow(/margin/);
  });
});
