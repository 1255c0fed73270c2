import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { holm } from './decision.js';
import { pairedMeans, signFlip } from './paired-means.js';
import { studentQuantile } from './quantiles.js';
import { randomIndex } from './random.js';
import { strataDifference } from './strata.js';
import { clusterMean, mcnemarExact, mean, pairedShares, quantile, shareInterval, unseenDifference, wilson } from './statistics.js';

/** numpy quantiles and bootstrap, exact fractions for McNemar: data/fixtures/analysis/make.py. */
const golden = JSON.parse(
  readFileSync(new URL('../../data/fixtures/analysis/statistics.json', import.meta.url), 'utf8'),
);

describe('statistics', { timeout: 60000 }, () => {
  it('quantiles are numpy’s', () => {
    for (const [share, value] of golden.quantiles) expect(quantile(golden.values, share)).toBeCloseTo(value, 12);
    expect(quantile([], 0.5)).toBeNaN();
    expect(() => quantile([1], 1.5)).toThrow(/1.5/);
  });

  it('Wilson: 193 of 200 is 96.5 % [93.0, 98.3]; ends stay inside 0 and 1', () => {
    const share = wilson(193, 200);
    expect(share.mean).toBe(0.965);
    expect(share.low).toBeCloseTo(0.93, 3);
    expect(share.high).toBeCloseTo(0.983, 3);
    // Agresti & Coull (1998): 0 of n gives high = z² / (n + z²).
    expect(wilson(0, 10)).toEqual({ mean: 0, low: 0, high: expect.closeTo(3.8414588 / 13.8414588, 7) });
    expect(wilson(10, 10).high).toBe(1);
    expect(() => wilson(3, 2)).toThrow(/3 of 2/);
    expect(() => wilson(0, 0)).toThrow(/0 of 0/);
    expect(() => wilson(1, 2, 0)).toThrow(/level/);
  });

  it('McNemar is exact', () => {
    for (const [a, b, p] of golden.mcnemar) {
      expect(mcnemarExact(a, b) / p).toBeCloseTo(1, 9);
      expect(mcnemarExact(b, a)).toBe(mcnemarExact(a, b));
    }
    expect(() => mcnemarExact(1.5, 2)).toThrow(/1.5/);
  });

  it('a mean of clusters has the spread that 200,000 numpy resamples have, and Student’s width', () => {
    const got = clusterMean(golden.clusters);
    const { mean: centre, sd } = golden.bootstrap;
    const clusters = golden.clusters.length;
    expect(got.mean).toBeCloseTo(centre, 12);
    // A bootstrap divides by the number of clusters and not by one less.
    const spread = (got.high - got.low) / 2 / studentQuantile(0.975, clusters - 1) / Math.sqrt(clusters / (clusters - 1));
    expect(spread / sd).toBeGreaterThan(0.9);
    expect(spread / sd).toBeLessThan(1.1);
    // Clusters of one value each: Student's interval of a mean, here of 1, 2, 4, 8 (sd √(115/12), t 3.182446 of 3 degrees).
    const half = (3.182446305284263 * Math.sqrt(115 / 12)) / 2;
    expect(clusterMean([[1], [2], [4], [8]])).toEqual({ mean: 3.75, low: expect.closeTo(3.75 - half, 8), high: expect.closeTo(3.75 + half, 8) });
  });

  it('keeps clusters whole: copies of a value in one cluster do not narrow the interval', () => {
    const copied = clusterMean([1, 2, 4, 8].map((x) => new Array(50).fill(x)));
    const single = clusterMean([[1], [2], [4], [8]]);
    expect(copied).toEqual({ mean: 3.75, low: expect.closeTo(single.low, 9), high: expect.closeTo(single.high, 9) });
    expect(clusterMean([[0.25, 0.5, 0.75]])).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
    expect(() => clusterMean([[], []])).toThrow(/at least one/);
    expect(() => clusterMean([[1]], { level: 1 })).toThrow(/level/);
  });

  it.each([3, 5, 40])('covers the true mean of %d clusters about 95 times in 100', (count) => {
    let [covered, at] = [0, 0];
    const uniform = (): number => randomIndex(1 << 24, count, at++) / (1 << 24);
    for (let trial = 0; trial < 400; trial++) {
      const clusters = Array.from({ length: count }, () => {
        const centre = uniform() + uniform() - 0.5;
        return [centre + uniform() - 0.5, centre + uniform() - 0.5];
      });
      const { low, high } = clusterMean(clusters);
      if (low <= 0.5 && 0.5 <= high) covered++;
    }
    expect(covered).toBeGreaterThan(366); // 95 % of 400 is 380, with a standard deviation of 4.4; of a bootstrap of 5 it was 340
  });

  // Rates near 0 and 1, where a percentile bootstrap covered 83 to 87 % (and showed no width to one side).
  it.each([[80, 4, 0.05, 0.2], [80, 4, 0.1, 0.2], [20, 4, 0.1, 0.5], [80, 4, 0.9, 0.95], [20, 4, 1, 0.5]])('covers a share: %d problems of %d samples, %d of them right at %d', (problems, samples, some, rate) => {
    let [covered, at] = [0, 0];
    const chance = (share: number): boolean => randomIndex(1 << 24, problems, at++) < share * (1 << 24);
    const values = () => Array.from({ length: problems }, () => {
      const able = chance(some);
      return Array.from({ length: samples }, () => Number(able && chance(rate)));
    });
    for (let trial = 0; trial < 400; trial++) {
      const { low, high } = shareInterval(values());
      if (low <= some * rate && some * rate <= high) covered++;
    }
    expect(covered).toBeGreaterThan(357); // 89 %
  }); // prettier-ignore

  it('pairs by problem, every problem weighing the same', () => {
    expect(pairedShares([[0.25, 0.75], [1], [], [0.5]], [[0], [0, 0, 0.75], [0.5], []])).toMatchObject({ pairs: 2, mean: 0.625 });
    expect(() => pairedShares([[1]], [])).toThrow(/1 and 0/);
  });
});

it('wilson stays within 0 and 1 where all or none succeed', () => {
  for (let trials = 1; trials <= 300; trials++) {
    expect(wilson(trials, trials).high).toBeLessThanOrEqual(1);
    expect(wilson(0, trials).low).toBeGreaterThanOrEqual(0);
  }
});

describe('shares on which all problems agree', () => {
  const far = 3.8414588 / 13.8414588; // Agresti & Coull (1998): the upper end of Wilson's interval of 0 in 10

  it('have Wilson’s interval on the number of problems, and one that differs leaves them as wide as its samples alone would', () => {
    expect(shareInterval(new Array(10).fill([0, 0, 0]))).toEqual({ mean: 0, low: 0, high: expect.closeTo(far, 7) });
    expect(shareInterval(new Array(10).fill([0, 1]))).toEqual(wilson(5, 10)); // the same of each, as counted once
    const one = shareInterval([...new Array(19).fill([0, 0, 0, 0]), [0, 0, 0, 1]]);
    expect(one.high).toBeGreaterThan(0.06); // 1 of 80 alone: 0.067; the bootstrap's was 0.0375
    expect(one.low).toBeGreaterThan(0);
    expect(shareInterval(new Array(20).fill([0]), { level: 0.99 }).high).toBeCloseTo(0.2491, 4); // z² / (n + z²) with 2.5758
    const shares = [[0.5], [0.52], [0.48], [0.5]]; // no trials: Student's, but for the bend of Wilson's
    expect(shareInterval(shares).high).toBeCloseTo(clusterMean(shares).high, 3);
    expect(() => shareInterval([[]])).toThrow(/at least one/);
  });

  it('differ by at most what was never seen could make of it', () => {
    const [right, wrong] = [1, 0].map((value) => new Array(10).fill([value]));
    // With one pair more either way, by hand: variance 2/11 of 12 values, t of 9 degrees 2.262157.
    const most = 2.2621571628540993 * Math.sqrt(2 / 11 / 12);
    expect(pairedShares(right, right)).toEqual({ pairs: 10, mean: 0, low: expect.closeTo(-most, 7), high: expect.closeTo(most, 7) });
    // All differ by 1: eleven of 1 and one of -1.
    const low = 10 / 12 - 2.2621571628540993 * Math.sqrt(11 / 3 / 11 / 12);
    expect(pairedShares(right, wrong)).toEqual({ pairs: 10, mean: 1, low: expect.closeTo(low, 7), high: 1 });
    // Other shares: as they are, and where all differ by the same, the rule for what was not seen.
    const half = [[0.5], [0.25], [0.5], [0.25]], none = [[0], [0], [0], [0]]; // prettier-ignore
    expect(pairedShares(half, none)).toMatchObject({ mean: 0.375, low: expect.closeTo(pairedMeans(half, none)!.low, 9) });
    expect(pairedShares([[0.5], [0.5]], [[0], [0]])).toEqual({ ...unseenDifference(0.5, 2), pairs: 2 });
    expect(unseenDifference(0, 10)).toEqual({ mean: 0, low: expect.closeTo(-far, 7), high: expect.closeTo(far, 7) });
    expect(pairedShares([[]], [[1]])).toBeUndefined();
  });
});

describe('what is not a number is not evidence', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%d is refused or stays', (odd) => {
    expect(() => signFlip([odd, 1, 2])).toThrow(/difference 0 of a sign-flip test/);
    expect(() => pairedMeans([[1], [odd]], [[0], [0]])).toThrow(/difference 1/);
    expect(() => strataDifference([{ a: [[odd], [1]], b: [[0], [0]] }])).toThrow(/model 0: a draw is/);
  });

  it('a quantile of values with NaN is NaN, as numpy has it', () => {
    expect(quantile([1, 2, 3, Number.NaN], 0.1)).toBeNaN();
  });

  it('p-values that are missing are refused', () => {
    expect(() => holm([0.001, undefined as unknown as number])).toThrow(/not undefined/);
  });
});

it('problems that agree but for the rounding of their sums give the interval of those that agree', () => {
  // 1/3 as 1/3 - 0 and as 1 - 2/3.
  const rounded = pairedShares([[1, 0, 0], [1, 1, 1]], [[0, 0, 0], [1, 1, 0]])!;
  const same = pairedShares([[1, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]])!;
  expect(rounded.low).toBeCloseTo(same.low, 9);
  expect(rounded.high).toBeCloseTo(same.high, 9);
  expect(shareInterval([[0.7, 0.7, 0.7], [0.7]]).low).toBeCloseTo(shareInterval([[0.7], [0.7]]).low, 9);
  expect(() => shareInterval([[1], [1]], { level: -1 })).toThrow(/level/);
});
