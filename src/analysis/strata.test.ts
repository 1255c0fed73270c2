import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { unseenDifference } from './statistics.js';
import { strataDifference, type PairedOutcomes, type TestedDifference } from './strata.js';

/** 100,000 resamples in numpy: data/fixtures/analysis/make_strata.py. */
const golden = JSON.parse(readFileSync(new URL('../../data/fixtures/analysis/strata.json', import.meta.url), 'utf8')) as {
  models: PairedOutcomes[];
  each: (TestedDifference & { sd: number })[];
  together: TestedDifference & { sd: number };
};

describe('a difference with several models', { timeout: 60000 }, () => {
  it('comes close to 100,000 numpy resamples, each model and all together', () => {
    const { each, together } = strataDifference(golden.models, { seed: 3, resamples: 4000 });
    for (const [got, wanted] of [[together, golden.together], ...each.map((one, m) => [one, golden.each[m]])] as [TestedDifference, typeof golden.together][]) {
      expect(got.mean).toBeCloseTo(wanted.mean, 12);
      // A 2.5 % quantile of 4,000 resamples has a standard error of about 0.042 sd; a share p of them one of √(p / 4000).
      expect(Math.abs(got.low - wanted.low)).toBeLessThan(0.2 * wanted.sd);
      expect(Math.abs(got.high - wanted.high)).toBeLessThan(0.2 * wanted.sd);
      expect(Math.abs(got.p - wanted.p)).toBeLessThan(8 * Math.sqrt((wanted.p + 1e-3) / 4000));
      expect(got.pairs).toBe(40);
    }
  });

  it('draws the same problems for all models: copies of one model are as uncertain together as alone', () => {
    const single: PairedOutcomes = { a: Array.from({ length: 30 }, (_, i) => [i % 3 === 0 ? 1 : 0]), b: Array.from({ length: 30 }, (_, i) => [i % 5 === 0 ? 1 : 0]) };
    const { each, together } = strataDifference([single, single, single]);
    expect(together).toEqual({ ...each[0], mean: expect.closeTo(each[0].mean, 12), low: expect.closeTo(each[0].low, 12), high: expect.closeTo(each[0].high, 12) });
    expect(each[1]).toEqual(each[0]);
  });

  it('covers the true difference at least as often as it says, draws included', () => {
    let covered = 0;
    let state = 4711;
    const uniform = (): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
    for (let trial = 0; trial < 200; trial++) {
      const ease = Array.from({ length: 60 }, uniform);
      const a = ease.map((share) => [Number(uniform() < 0.5 * share + 0.3)]); // 0.55 on average
      const b = ease.map((share) => [1, 2, 3].map(() => Number(uniform() < share))); // 0.5
      const { low, high } = strataDifference([{ a, b }], { seed: trial, resamples: 400 }).each[0];
      if (low <= 0.05 && 0.05 <= high) covered++;
    }
    expect(covered).toBeGreaterThan(182); // 95 % of 200 is 190, with a standard deviation of 3
    expect(covered).toBeLessThan(200);
  });

  it('has a width where all problems agree, and a p-value of as many problems', () => {
    const right: PairedOutcomes = { a: new Array(10).fill([1]), b: new Array(10).fill([1, 1, 1]) };
    const [same] = strataDifference([right]).each;
    expect(same).toEqual({ ...unseenDifference(0, 10), pairs: 10, p: 1 });
    const [better] = strataDifference([{ a: right.a, b: new Array(10).fill([0]) }], { resamples: 999 }).each;
    expect(better.mean).toBe(1);
    expect(better.p).toBe(2 / 2 ** 10); // ten of ten: a sign test, whatever is resampled
  });

  it('finds nothing proved by two or three problems, however clear each is', () => {
    for (const problems of [2, 3]) {
      const [one] = strataDifference([{ a: new Array(problems).fill([1]), b: new Array(problems).fill([0]) }]).each;
      expect(one.low).toBeLessThan(0);
      expect(one.p).toBe(2 / 2 ** problems);
    }
  });

  it('refuses what is not paired', () => {
    expect(() => strataDifference([])).toThrow(/at least one model/);
    expect(() => strataDifference([{ a: [[1]], b: [[1], [0]] }])).toThrow(/same problems: 1, 2/);
    expect(() => strataDifference([{ a: [[1], []], b: [[1], [0]] }])).toThrow(/model 0: problem 1 has no draw/);
    expect(() => strataDifference([{ a: [[1]], b: [[0]] }], { resamples: 0 })).toThrow(/resamples/);
    expect(() => strataDifference([{ a: [[1]], b: [[0]] }], { level: 1 })).toThrow(/level/);
  });
});
