import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '../engine/binding.js';
import { randomIndex } from './random.js';
import { neighbourCounts, redundancy, redundancyRate, repeatedClusters } from './redundancy.js';

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

  it('rates equal numpy to 1e-6, averaged over outputs; outputs without a sentence are left out', async () => {
    const rates = await redundancy([...outputs, new Float32Array(0)], golden.dim, golden);
    golden.rates.forEach((row, t) => row.forEach((rate, n) => expect(rates[t][n]).toBeCloseTo(rate, 6)));
    expect(golden.rates[1][0]).toBeGreaterThan(0.2); // the fixture does tell rates apart
    expect(await redundancy([], 3, {})).toEqual([[Number.NaN, Number.NaN, Number.NaN]]);
  });

  it('equals a plain double loop across block edges', () => {
    for (const sentences of [1, 3, 63, 64, 65, 130, 321]) {
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

  it('counts what the double sums say at every simd level and on any threads, also at a threshold itself', () => {
    const [sentences, dim] = [700, 48];
    const vectors = Float32Array.from({ length: sentences * dim }, (_, i) => randomIndex(2000, 3, i) / 14000 - 1 / 14);
    const product = (i: number, j: number): number => {
      let sum = 0;
      for (let k = 0; k < dim; k++) sum += vectors[i * dim + k] * vectors[j * dim + k];
      return sum;
    };
    const thresholds = Float64Array.of(product(0, 1), product(300, 699), 0.02, -0.01); // two that rounding decides
    const expected = new Int32Array(thresholds.length * sentences);
    for (let i = 0; i < sentences; i++) {
      for (let j = 0; j < sentences; j++) {
        if (i === j) continue;
        const cosine = product(i, j);
        thresholds.forEach((threshold, t) => (expected[t * sentences + i] += cosine > threshold ? 1 : 0));
      }
    }
    for (const simd of loadBinding().simd()) {
      for (const threads of [1, 3]) {
        expect(loadBinding().neighbourCounts(vectors, dim, thresholds, threads, simd, 0, sentences), simd).toEqual(expected);
      }
    }
  });

  it('numbers beyond what float32 sums can hold are compared in double precision', () => {
    const large = Float32Array.of(1e20, 1e20, 1e20, -1e20, 1e-30, 1e-30);
    expect([...neighbourCounts(large, 2, [1])[0]]).toEqual([0, 0, 0]);
    expect([...neighbourCounts(large, 2, [-1])[0]]).toEqual([2, 2, 2]);
  });

  it('is strict: a cosine at the threshold is not similar, and N others are not more than N', () => {
    expect([...neighbourCounts(Float32Array.of(1, 0, 0.75, 0), 2, [0.75, 0.7499])[0]]).toEqual([0, 0]);
    expect([...neighbourCounts(Float32Array.of(1, 0, 0.75, 0), 2, [0.75, 0.7499])[1]]).toEqual([1, 1]);
    expect(redundancyRate([0, 1, 2, 5], 1)).toBe(0.5);
    expect(redundancyRate([], 1)).toBeNaN();
  });

  it('does not mix outputs: the same sentence in two outputs is not redundant', async () => {
    expect(await redundancy([fan(0), fan(0)], 2, { similar: [0] })).toEqual([[0]]);
    expect(await redundancy([fan(0, 0), fan(0)], 2, { similar: [0] })).toEqual([[0.5]]);
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

  it('counts a long output in parts, and hears the signal between them', async () => {
    const [sentences, dim] = [9000, 4]; // 81 million pairs: five parts
    const vectors = Float32Array.from({ length: sentences * dim }, (_, i) => randomIndex(2000, 5, i) / 1000 - 1);
    const thresholds = [1.2, 2];
    const expected = neighbourCounts(vectors, dim, thresholds).map((counts) => [1, 400].map((n) => redundancyRate(counts, n)));
    expect(await redundancy([vectors], dim, { thresholds, similar: [1, 400] })).toEqual(expected);
    expect(expected[0][1]).toBeGreaterThan(0.01);
    const stop = new AbortController();
    const counted = redundancy([vectors], dim, { thresholds, signal: stop.signal });
    setImmediate(() => setImmediate(() => stop.abort(new Error('enough'))));
    await expect(counted).rejects.toThrow('enough');
  });

  it('refuses vectors that are no rows', () => {
    expect(() => neighbourCounts(new Float32Array(7), 2, [0.5])).toThrow(/7 numbers are not rows of 2/);
    expect(() => neighbourCounts(new Float32Array(4), 0, [0.5])).toThrow(/rows of 0/);
    expect(() => neighbourCounts(new Float32Array(4), 2, [0.5], { simd: 'nope' })).toThrow(expect.objectContaining({ name: 'PathPressError', code: 'BAD_OPTION' }));
    expect(() => neighbourCounts(new Float32Array(0), 2 ** 32, [0.5])).toThrow(/rows of 4294967296/);
    for (const other of [new Float64Array(4), new Uint8Array(4), [1, 0, 0, 1]])
      expect(() => neighbourCounts(other as unknown as Float32Array, 2, [0.5])).toThrow(/not a Float32Array/);
  });
});
