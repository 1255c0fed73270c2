import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '../engine/binding.js';
import { entropyCeiling, ngramEntropy, prefixEntropies } from './entropy.js';
import { randomIndex, shuffledIndices } from './random.js';

/** numpy in extended precision: data/fixtures/analysis/make.py. */
const golden = JSON.parse(
  readFileSync(new URL('../../data/fixtures/analysis/entropy.json', import.meta.url), 'utf8'),
) as {
  texts: Record<string, number[]>;
  cases: { text: string; n: number; length: number; bits: number }[];
};

/** The definition, gram by gram in a Map; shares nothing with native/analysis. */
function plainEntropy(ids: ArrayLike<number>, n: number): number {
  const times = new Map<string, number>();
  const total = ids.length - n + 1;
  for (let i = 0; i < total; i++) {
    const gram = Array.from({ length: n }, (_, k) => ids[i + k]).join();
    times.set(gram, (times.get(gram) ?? 0) + 1);
  }
  return Math.log2(total) - [...times.values()].reduce((sum, c) => sum + c * Math.log2(c), 0) / total;
}

describe('n-gram entropy', { timeout: 60000 }, () => {
  it('equals numpy to 1e-12 on every text, n and length', () => {
    expect(golden.cases.length).toBeGreaterThan(60);
    for (const { text, n, length, bits } of golden.cases) {
      expect(
        Math.abs(prefixEntropies(golden.texts[text], n, [length])[0] - bits),
        `${text}, n ${n}, length ${length}`,
      ).toBeLessThan(1e-12);
    }
  });

  it('lengths in any order and repeated give what each gives alone', () => {
    const ids = golden.texts['zipf, 152064 words'];
    const lengths = [900, 3, 1500, 900, 512];
    expect(prefixEntropies(ids, 3, lengths)).toEqual(lengths.map((length) => ngramEntropy(ids.slice(0, length), 3)));
  });

  it('by hand: aabb has 1 bit, its 2-grams aa ab bb log2 3; a typed array is as good', () => {
    expect(ngramEntropy([5, 5, 9, 9], 1)).toBe(1);
    expect(ngramEntropy(Uint32Array.of(5, 5, 9, 9), 2)).toBeCloseTo(Math.log2(3), 14);
    expect(ngramEntropy([4, 4, 4], 1)).toBe(0);
    expect(ngramEntropy([1, 2, 3], 3)).toBe(0);
  });

  it('never exceeds the ceiling, reaches it where all grams differ, and does not fall with n', () => {
    for (let trial = 0; trial < 200; trial++) {
      const length = 5 + randomIndex(400, 1, trial);
      const vocabulary = 1 + randomIndex(60, 2, trial);
      const ids = Array.from({ length }, (_, i) => randomIndex(vocabulary, 100 + trial, i));
      for (const n of [1, 2, 3, 4]) {
        const bits = ngramEntropy(ids, n);
        expect(bits).toBeGreaterThanOrEqual(0);
        expect(bits).toBeLessThanOrEqual(entropyCeiling(length, n) + 1e-12);
        // Over the same positions a longer gram tells at least as much.
        expect(bits).toBeGreaterThanOrEqual((n === 1 ? 0 : ngramEntropy(ids.slice(0, length - 1), n - 1)) - 1e-12);
      }
    }
    expect(
      ngramEntropy(
        Array.from({ length: 300 }, (_, i) => i),
        2,
      ),
    ).toBeCloseTo(entropyCeiling(300, 2), 12);
  });

  it('of single ids does not depend on their order, of longer grams it does', () => {
    const ids = golden.texts['a loop of 37 ids'];
    const shuffled = Array.from(shuffledIndices(ids.length, 8), (i) => ids[i]);
    expect(ngramEntropy(shuffled, 1)).toBe(ngramEntropy(ids, 1));
    expect(ngramEntropy(shuffled, 2)).toBeGreaterThan(ngramEntropy(ids, 2) + 1);
  });

  it('of a text of many partitions, packed grams and long ones, at several lengths, is what the definition gives', () => {
    const length = 150_000;
    // Frequent ids and rare ones; the second text's need more than 64 bits for three.
    const draw = (i: number): number => Math.floor(randomIndex(400, 5, i) ** 2 / (1 + randomIndex(50, 6, i)));
    const packed = Int32Array.from({ length }, (_, i) => draw(i));
    const long = packed.map((id) => Math.imul(id, 0x9e3779b1));
    const lengths = [140_000, 700, 70_001, length];
    for (const n of [1, 2, 3, 5]) {
      const bits = prefixEntropies(packed, n, lengths);
      lengths.forEach((l, i) => expect(bits[i]).toBeCloseTo(plainEntropy(packed.subarray(0, l), n), 11));
      expect(prefixEntropies(long, n, lengths)).toEqual(bits); // renamed ids: the same counts, so the same bits
    }
  });

  it('is the same on any number of threads', () => {
    const ids = Int32Array.from({ length: 300_000 }, (_, i) => randomIndex(200, 9, i) * randomIndex(200, 10, i));
    for (const n of [1, 2, 3]) {
      const counted = [1, 2, 5].map((threads) => loadBinding().gramOccurrences(ids, n, [5000, ids.length], threads));
      expect(counted[1]).toEqual(counted[0]);
      expect(counted[2]).toEqual(counted[0]);
    }
  });

  it('survives a table that grows many times', () => {
    const ids = Int32Array.from({ length: 50000 }, (_, i) => randomIndex(1 << 30, 3, i));
    expect(ngramEntropy(ids, 1)).toBeCloseTo(Math.log2(new Set(ids).size), 3);
    const twice = new Int32Array(100000);
    twice.set(ids);
    twice.set(ids, 50000);
    expect(ngramEntropy(twice, 1)).toBeCloseTo(ngramEntropy(ids, 1), 12);
  });

  it('refuses ids that are none, and copies what another thread may write to', () => {
    for (const odd of [1.5, Number.NaN, 2 ** 32, 'a']) expect(() => ngramEntropy([1, odd as number], 1)).toThrow(`id ${odd} at index 1`);
    expect(ngramEntropy([0, 2 ** 32 - 1, -1, 7], 1)).toBe(1.5); // as 32 bits the two in the middle are one
    const shared = new Int32Array(new SharedArrayBuffer(16));
    shared.set([1, 1, 2, 3]);
    expect(ngramEntropy(shared, 1)).toBe(1.5);
  });

  it('refuses lengths without a gram, lengths beyond the text, and n below 1', () => {
    expect(() => prefixEntropies([1, 2], 3, [2])).toThrow(/n = 3, not 2/);
    expect(() => prefixEntropies([1, 2], 1, [3])).toThrow(/not 3/);
    expect(() => prefixEntropies([1, 2], 0, [2])).toThrow(/n must/);
    expect(() => ngramEntropy([], 1)).toThrow(/not 0/);
    expect(prefixEntropies([1, 2], 1, [])).toEqual([]);
  });
});
