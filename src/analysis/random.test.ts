import { describe, expect, it } from 'vitest';
import { randomBits, randomIndex, shuffledIndices } from './random.js';

describe('counter-based random numbers', () => {
  it('are a function of seed, counter and stream alone', () => {
    expect(randomBits(1, 2, 3)).toBe(randomBits(1, 2, 3));
    expect(new Set([randomBits(1, 2, 3), randomBits(2, 2, 3), randomBits(1, 3, 3), randomBits(1, 2, 4)]).size).toBe(4);
  });

  it('are uniform over consecutive counters and over consecutive seeds (chi-square, 63 degrees of freedom)', () => {
    for (const draw of [
      (i: number) => randomIndex(64, 5, i),
      (i: number) => randomIndex(64, i, 5),
      (i: number) => randomIndex(64, 9, 5, i),
    ]) {
      const counts = new Array<number>(64).fill(0);
      for (let i = 0; i < 64000; i++) counts[draw(i)]++;
      const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
      expect(chiSquare).toBeGreaterThan(30); // 0.01 % points of the distribution: 29.0 and 112.3
      expect(chiSquare).toBeLessThan(112);
    }
  });

  it('neighbouring seeds give unrelated sequences', () => {
    let agree = 0;
    for (let i = 0; i < 10000; i++) if (randomIndex(2, 1, i) === randomIndex(2, 2, i)) agree++;
    expect(Math.abs(agree - 5000)).toBeLessThan(250); // 5 standard deviations
  });

  it('shuffles: a permutation, each place equally likely', () => {
    expect([...shuffledIndices(50, 3)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const places = new Array<number>(5).fill(0);
    for (let seed = 0; seed < 10000; seed++) places[shuffledIndices(5, seed).indexOf(0)]++;
    for (const count of places) expect(Math.abs(count - 2000)).toBeLessThan(200); // 5 standard deviations
    expect(shuffledIndices(0, 1)).toHaveLength(0);
  });
});
