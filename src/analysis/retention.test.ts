import { describe, expect, it } from 'vitest';
import { copiesHeld, heldShares, overlap, retained } from './retention.js';

const set = (layer: number, generated: number, ...positions: number[]) => ({ generated, layer, head: null, positions: Int32Array.from(positions) });
const bits = (text: string): Uint8Array => Uint8Array.from(text, Number);

describe('what is held, by hand', () => {
  const trace = [set(0, 6, 0, 1, 4, 7), set(1, 6, 0, 1, 5, 7), set(0, 3, 0, 1, 3), set(1, 3, 0, 1, 3)];
  it('is grouped by compression and told for every token', () => {
    const all = retained(trace, 2);
    expect(all.map(({ generated, length, sets }) => [generated, length, sets.length])).toEqual([[3, 5, 2], [6, 8, 2]]);
    expect(Array.from(heldShares(all[1]))).toEqual([1, 1, 0, 0, 0.5, 0.5, 0, 1]);
    expect(Array.from(heldShares(all[0]))).toEqual([1, 1, 0, 1, 0]);
  });
  it('is a share as it is written: 8 of 10 sets are 0.8, where a bin begins', () => {
    for (const count of [10, 15, 30, 80]) {
      const trace = Array.from({ length: count }, (_, layer) => set(layer, 1, ...(layer < 0.8 * count ? [0] : [])));
      expect(heldShares(retained(trace, 0)[0])[0]).toBe(0.8);
    }
  });
  it('adds up to what the sets hold', () => {
    for (const one of retained(trace, 2)) {
      const held = one.sets.reduce((sum, { held: own }) => sum + own.reduce((a, b) => a + b, 0), 0);
      expect(heldShares(one).reduce((a, b) => a + b, 0) * one.sets.length).toBeCloseTo(held, 12);
    }
  });
});

describe('overlap, by hand', () => {
  it.each([
    ['11001', '10011', 0, 5, 2 / 4],
    ['11001', '10011', 1, 4, 0],
    ['11110', '11110', 0, 5, 1],
    ['10001', '10001', 1, 4, null],
  ])('%s and %s from %i to %i', (a, b, from, to, expected) => expect(overlap(bits(a), bits(b), from, to)).toBe(expected));
  it('refuses sets of another length', () => expect(() => overlap(bits('11'), bits('111'), 0, 3)).toThrow('sets of 2 and 3 tokens'));
});

describe('copies, by hand', () => {
  //             0123456789
  const held = bits('0110110001');
  it('are held where all of their tokens are', () => {
    expect(copiesHeld([[1, 4], [1, 6], [0, 4], [2, 8], [6, 8]], 2, held)).toEqual({ things: 5, first: 2, latest: 2, any: 3, all: 1 });
  });
  it('of nothing are none', () => expect(copiesHeld([], 2, held)).toEqual({ things: 0, first: 0, latest: 0, any: 0, all: 0 }));
});
