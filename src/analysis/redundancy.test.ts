import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { randomIndex } from './random.js';
import { neighbourCounts, outputRates, redundancy, redundancyRate, repeatedClusters } from './redundancy.js';

/** Full similarity matrices in numpy: data/fixtures/analysis/make.py. */
const golden = JSON.parse(
  readFileSync(new URL('../../data/fixtures/analysis/redundancy.json', import.meta.url), 'utf8'),
) as {
  dim: number;
  thresholds: number[];
  similar: number[];
  outputs: { vectors: number[]; counts: number[][] }[];
  rates: number[][];
};
const outputs = golden.outputs.map(({ vectors }) => Float32Array.from(vectors));

/** Directions in the plane, in degrees, as unit vectors. */
const fan = (...degrees: number[]): Float32Array =>
  Float32Array.from(degrees.flatMap((d) => [Math.cos((d * Math.PI) / 180), Math.sin((d * Math.PI) / 180)]));

describe('redundancy', () => {
  it('counts neighbours as the full matrix does, at every threshold in one pass', () => {
    golden.outputs.forEach(({ counts }, i) => {
      expect(neighbourCounts(outputs[i], golden.dim, golden.thresholds).map((c) => [...c])).toEqual(counts);
    });
  });

  it('rates equal numpy to 1e-6, averaged over outputs; outputs without a sentence are left out', () => {
    const rates = redundancy([...outputs, new Float32Array(0)], golden.dim, golden);
    golden.rates.forEach((row, t) => row.forEach((rate, n) => expect(rates[t][n]).toBeCloseTo(rate, 6)));
    expect(golden.rates[1][0]).toBeGreaterThan(0.2); // the fixture does tell rates apart
    expect(redundancy([], 3, {})).toEqual([[Number.NaN, Number.NaN, Number.NaN]]);
    expect(outputRates([new Float32Array(0)], 3, { similar: [1] })).toEqual([[[Number.NaN]]]);
  });

  it('equals a plain double loop across block edges', () => {
    for (const sentences of [1, 3, 63, 64, 65, 130]) {
      const dim = 5;
      const vectors = Float32Array.from({ length: sentences * dim }, (_, i) => randomIndex(2000, 7, i) / 1000 - 1);
      const expected = Int32Array.from({ length: sentences }, (_, i) => {
        let similar = 0;
        for (let j = 0; j < sentences; j++) {
          let cosine = 0;
          for (let k = 0; k < dim; k++) cosine += vectors[i * dim + k] * vectors[j * dim + k];
          if (j !== i && cosine > 0.3) similar++;
        }
        return similar;
      });
      expect(neighbourCounts(vectors, dim, [0.3])[0]).toEqual(expected);
    }
  });

  it('is strict: a cosine at the threshold is not similar, and N others are not more than N', () => {
    expect([...neighbourCounts(Float32Array.of(1, 0, 0.75, 0), 2, [0.75, 0.7499])[0]]).toEqual([0, 0]);
    expect([...neighbourCounts(Float32Array.of(1, 0, 0.75, 0), 2, [0.75, 0.7499])[1]]).toEqual([1, 1]);
    expect(redundancyRate([0, 1, 2, 5], 1)).toBe(0.5);
    expect(redundancyRate([], 1)).toBeNaN();
  });

  it('does not mix outputs: the same sentence in two outputs is not redundant', () => {
    expect(redundancy([fan(0), fan(0)], 2, { similar: [0] })).toEqual([[0]]);
    expect(redundancy([fan(0, 0), fan(0)], 2, { similar: [0] })).toEqual([[0.5]]);
  });

  it('finds the most repeated clusters, each sentence in one at most', () => {
    // 10° is near 0 and 20 and 30; 100 and 110 pair up; 50 is near 30 alone, which is taken; 200 is alone.
    expect(repeatedClusters(fan(0, 10, 100, 20, 30, 110, 50, 200), 2, Math.cos((21 * Math.PI) / 180), 5)).toEqual([
      [1, 0, 3, 4],
      [2, 5],
    ]);
    expect(repeatedClusters(fan(0, 10, 100, 20, 30, 110, 50, 200), 2, Math.cos((21 * Math.PI) / 180), 1)).toHaveLength(
      1,
    );
    expect(repeatedClusters(fan(0, 90), 2, 0.75, 3)).toEqual([]);
    expect(repeatedClusters(new Float32Array(0), 2, 0.75, 3)).toEqual([]);
  });

  it('refuses vectors that are no rows', () => {
    expect(() => neighbourCounts(new Float32Array(7), 2, [0.5])).toThrow(/7 numbers are not rows of 2/);
    expect(() => neighbourCounts(new Float32Array(4), 0, [0.5])).toThrow(/rows of 0/);
  });
});
