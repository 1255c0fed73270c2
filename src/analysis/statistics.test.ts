import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { holm } from './decision.js';
import { pairedMeans, signFlip } from './paired-means.js';
import { strataDifference } from './strata.js';
import { clusterBootstrap, mcnemarExact, mean, pairedBootstrap, pairedShares, quantile, shareInterval, wilson } from './statistics.js';

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
  });

  it('McNemar is exact', () => {
    for (const [a, b, p] of golden.mcnemar) {
      expect(mcnemarExact(a, b) / p).toBeCloseTo(1, 9);
      expect(mcnemarExact(b, a)).toBe(mcnemarExact(a, b));
    }
    expect(() => mcnemarExact(1.5, 2)).toThrow(/1.5/);
  });

  it('cluster bootstrap comes close to 200,000 numpy resamples', () => {
    const got = clusterBootstrap(golden.clusters, { seed: 4, resamples: 4000 });
    const { mean: centre, low, high, sd } = golden.bootstrap;
    expect(got.mean).toBeCloseTo(centre, 12);
    // A 2.5 % quantile of 4,000 resamples has a standard error of about 0.042 sd.
    expect(Math.abs(got.low - low)).toBeLessThan(0.2 * sd);
    expect(Math.abs(got.high - high)).toBeLessThan(0.2 * sd);
  });

  it('keeps clusters whole: copies of a value in one cluster do not narrow the interval', () => {
    const single = clusterBootstrap([[1], [2], [4], [8]], { seed: 1 });
    const copied = clusterBootstrap(
      [1, 2, 4, 8].map((x) => new Array(50).fill(x)),
      { seed: 1 },
    );
    expect(copied).toEqual(single);
  });

  it('low <= mean <= high always, and a seed settles the result', () => {
    for (let seed = 0; seed < 200; seed++) {
      const clusters = Array.from({ length: 1 + (seed % 4) }, (_, i) => [0.1 * (i + seed), 0.7, 1 / (seed + 3)]);
      const got = clusterBootstrap(clusters, { seed, resamples: 1 + (seed % 7) });
      expect(got.low).toBeLessThanOrEqual(got.mean);
      expect(got.high).toBeGreaterThanOrEqual(got.mean);
      expect(clusterBootstrap(clusters, { seed, resamples: 1 + (seed % 7) })).toEqual(got);
    }
    expect(clusterBootstrap([[0.1, 0.2, 0.3]])).toEqual({
      mean: mean([0.1, 0.2, 0.3]),
      low: mean([0.1, 0.2, 0.3]),
      high: mean([0.1, 0.2, 0.3]),
    });
    expect(() => clusterBootstrap([[], []])).toThrow(/at least one/);
    expect(() => clusterBootstrap([[1]], { resamples: 0 })).toThrow(/resamples/);
  });

  it('covers the true mean about 95 times in 100', () => {
    let covered = 0;
    let state = 12345;
    const uniform = (): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
    for (let trial = 0; trial < 300; trial++) {
      const clusters = Array.from({ length: 40 }, () => {
        const centre = uniform();
        return [centre + uniform() - 0.5, centre + uniform() - 0.5];
      });
      const { low, high } = clusterBootstrap(clusters, { seed: trial, resamples: 500 });
      if (low <= 0.5 && 0.5 <= high) covered++;
    }
    expect(covered).toBeGreaterThan(268); // 95 % of 300 is 285; 3 to 4 standard deviations below
    expect(covered).toBeLessThan(300);
  });

  it('pairs by problem, every problem weighing the same', () => {
    const got = pairedBootstrap([[1, 3], [5], [], [9]], [[1], [1, 1, 1], [7], []]);
    expect(got).toMatchObject({ pairs: 2, mean: 2.5, low: 1, high: 4 });
    expect(pairedBootstrap([[]], [[1]])).toBeUndefined();
    expect(() => pairedBootstrap([[1]], [])).toThrow(/1 and 0/);
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

  it('have Wilson’s interval on the number of problems, others the bootstrap’s', () => {
    expect(shareInterval(new Array(10).fill([0, 0, 0]))).toEqual({ mean: 0, low: 0, high: expect.closeTo(far, 7) });
    expect(shareInterval(new Array(10).fill([0, 1]))).toEqual(wilson(5, 10)); // the same of each, as counted once
    const mixed = [[0, 1], [1, 1], [0, 0]];
    expect(shareInterval(mixed, { seed: 2 })).toEqual(clusterBootstrap(mixed, { seed: 2 }));
    expect(() => shareInterval([[]])).toThrow(/at least one/);
  });

  it('differ by at most what was never seen could make of it', () => {
    const [right, wrong] = [1, 0].map((value) => new Array(10).fill([value]));
    expect(pairedShares(right, right)).toEqual({ pairs: 10, mean: 0, low: expect.closeTo(-far, 7), high: expect.closeTo(far, 7) });
    // All differ by 1: a share `far` of problems might differ by -1.
    expect(pairedShares(right, wrong)).toEqual({ pairs: 10, mean: 1, low: expect.closeTo(1 - 2 * far, 7), high: 1 });
    const half = [[1], [0], [1], [0]];
    expect(pairedShares(half, [[0], [0], [0], [0]], { seed: 3 })).toEqual(pairedBootstrap(half, [[0], [0], [0], [0]], { seed: 3 }));
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
  expect(() => shareInterval([[1], [1]], { resamples: -1 })).toThrow(/resamples/);
});
