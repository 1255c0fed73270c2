import { describe, expect, it } from 'vitest';
import { matchedDifference } from './matched.js';

const controls = (stratum: string, count: number, sum: number) => ({ stratum, count, sum });

describe('cases against controls of their strata, by hand', () => {
  it('means of cases and of their strata’s controls', () => {
    const found = matchedDifference([
      { case: { stratum: 'a', value: 0 }, controls: [controls('a', 2, 1), controls('b', 1, 1)] },
      { case: { stratum: 'b', value: 0.5 }, controls: [controls('a', 2, 2)] },
      { case: { stratum: 'c', value: 1 }, controls: [] }, // nobody to compare with
      { controls: [controls('b', 3, 1)] },
    ])!;
    expect(found).toMatchObject({ cases: 2, unmatched: 1, caseMean: 0.25 });
    expect(found.controlMean).toBeCloseTo((3 / 4 + 2 / 4) / 2, 12);
    expect(found.mean).toBeCloseTo(0.25 - 0.625, 12);
    expect(found.low).toBeLessThanOrEqual(found.mean);
    expect(found.high).toBeGreaterThanOrEqual(found.mean);
  });
  it('the interval finds a difference that is in every cluster, and not one that is in none', () => {
    const clusters = (value: (i: number) => number) =>
      Array.from({ length: 60 }, (_, i) => ({ case: { stratum: String(i % 3), value: value(i) }, controls: [controls(String(i % 3), 4, 4 * ((i % 7) / 7))] }));
    expect(matchedDifference(clusters((i) => ((i % 7) / 7) * 0.3))!.high).toBeLessThan(0);
    const none = matchedDifference(clusters((i) => ((i * 5) % 7) / 7))!;
    expect(none.low).toBeLessThan(0);
    expect(none.high).toBeGreaterThan(0);
  });
  it('nothing to compare is nothing; a control without a count is refused', () => {
    expect(matchedDifference([{ case: { stratum: 'a', value: 1 }, controls: [controls('b', 1, 1)] }])).toBeUndefined();
    expect(() => matchedDifference([{ controls: [controls('a', 0, 0)] }])).toThrow('stratum a: count 0');
  });
});
