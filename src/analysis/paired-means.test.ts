import { describe, expect, it } from 'vitest';
import { pairedMeans, signFlip } from './paired-means.js';
import { studentQuantile } from './quantiles.js';

describe("Student's t", () => {
  it.each([
    // scipy.stats.t.ppf 1.16
    [1, [0.324919696233, 3.07768353718, 12.7062047362, 636.619248769]],
    [2, [0.288675134595, 1.88561808316, 4.30265272975, 31.5990545764]],
    [3, [0.276670662333, 1.6377443537, 3.18244630528, 12.9239786367]],
    [4, [0.270722294708, 1.53320627406, 2.7764451052, 8.61030158138]],
    [29, [0.255683634571, 1.3114336473, 2.04522964213, 3.65940501947]],
    [400, [0.253515674831, 1.28367159957, 1.96591234323, 3.3150152234]],
  ])('quantiles with %i degrees of freedom are those of scipy', (degrees, expected) => {
    [0.6, 0.9, 0.975, 0.9995].forEach((share, i) => {
      expect(studentQuantile(share, degrees) / expected[i]).toBeCloseTo(1, 9);
      expect(studentQuantile(1 - share, degrees)).toBeCloseTo(-studentQuantile(share, degrees), 9);
    });
    expect(studentQuantile(0.5, degrees)).toBeCloseTo(0, 9);
  });

  it('refuses what has no quantile', () => {
    expect(() => studentQuantile(1, 3)).toThrow(/between 0 and 1, not 1/);
    expect(() => studentQuantile(1e-17, 3)).toThrow(/between 0 and 1, not 1e-17/);
    expect(() => studentQuantile(0.9, 0)).toThrow(/>= 1, not 0/);
  });
});

describe('sign flips', () => {
  const six = [0.3, -0.1, 0.5, 0.25, 0.05, 0.4];

  it('go through every pattern of few pairs, as scipy.stats.permutation_test does', () => {
    expect(signFlip(six)).toBe(0.09375);
    expect(signFlip([1, 1, 1, 1, 1])).toBe(2 / 2 ** 5);
    expect(signFlip([2, -2, 0])).toBe(1);
  });

  it('draw patterns of many: scipy finds 0.0997 of 500,000', () => {
    const thirty = [2.34, -2.26, 0.72, -0.27, -0.15, 0.08, -1.72, 0.07, -0.57, 3.62, 0.53, -0.05, 0.02, -0.37, -0.76, -0.09, 0.78, 0.06, 1.26, 0.1, 0.32, 1.85, 0.85, -0.21, 0.12, 0.84, 2.24, 0.03, 0.06, 1.3];
    const p = signFlip(thirty);
    expect(Math.abs(p - 0.0997)).toBeLessThan(4 * Math.sqrt((0.0997 * 0.9003) / 20_000));
    expect(signFlip(thirty)).toBe(p);
    expect(signFlip(thirty, { seed: 1 })).not.toBe(p);
    expect(signFlip(Array<number>(40).fill(1), { resamples: 99 })).toBe(0.01); // the one seen counts
  });

  it('refuse nothing to flip, and no draws', () => {
    expect(() => signFlip([])).toThrow(/at least one difference/);
    expect(() => signFlip(six, { resamples: 0 })).toThrow(/resamples/);
  });
});

describe('paired means', () => {
  it("take Student's interval, as scipy.stats.t.interval of the differences", () => {
    const a = [[0.3], [0.9, 1], [0.5], [], [0.25], [0.05], [0.4], [7]];
    const b = [[0], [1.05], [0, 0], [3], [0], [0], [0], []];
    const found = pairedMeans(a, b)!;
    expect(found.mean).toBeCloseTo(1.4 / 6, 12);
    expect(found.low).toBeCloseTo(-0.0005440983698989932, 9);
    expect(found.high).toBeCloseTo(0.4672107650365656, 9);
    expect(found).toMatchObject({ pairs: 6, p: 0.09375 });
    expect(pairedMeans(a, b, { level: 0.9 })!.low).toBeGreaterThan(found.low);
  });

  it('need two pairs, and the same problems', () => {
    expect(pairedMeans([[1], [2]], [[0], []])).toBeUndefined();
    expect(() => pairedMeans([[1]], [])).toThrow(/same problems: 1 and 0/);
    expect(() => pairedMeans([[1]], [[1]], { level: 1 })).toThrow(/level/);
  });
});
