import { describe, expect, it } from 'vitest';
import type { Candidates } from '../scorer.js';
import { firstCome } from './first-come.js';
import { votesAndEntropy } from './votes-and-entropy.js';
import { votesLessRedundancy } from './votes-less-redundancy.js';

const candidates = (given: Partial<Candidates>): Candidates => ({
  generated: 20, layer: 0, head: null, stay: 2, votes: Float32Array.of(0.5, 0.25, 0.25), positions: Int32Array.of(5, 6, 7),
  ids: Int32Array.of(1, 2, 3), entropies: Float32Array.of(0, 1, 3), ...given,
}); // prettier-ignore

describe('worked examples of scores', () => {
  it('first come: all alike', () => {
    expect(firstCome(candidates({}), 0)).toEqual(Float32Array.of(0, 0, 0));
  });

  it('votes and entropy: votes alone in the prompt', () => {
    expect(votesAndEntropy(candidates({}), 0)).toEqual(Float32Array.of(0.5, 0.5, 1));
    expect(votesAndEntropy(candidates({ entropies: new Float32Array(3).fill(NaN) }), 0)).toEqual(Float32Array.of(0.5, 0.25, 0.25));
  });

  it('votes less redundancy: by hand, two heads of two channels', () => {
    // Head 0: two keys alike, one across; mean cosines 2/3, 2/3, 1/3. Head 1: all across or opposite: 1/3 of 1, 0, 0.
    const keys = Float32Array.of(1, 0, 3, 0, 0, 2, /**/ 0, 1, 5, 0, -1, 0);
    const scores = votesLessRedundancy(candidates({ keys, keyHeads: 2, keySize: 2 }), 0);
    const redundancy = [(2 / 3 + 1 / 3) / 2, (2 / 3 + 0) / 2, (1 / 3 + 0) / 2].map((mean) => mean / 3);
    redundancy.forEach((r, i) => expect(scores[i]).toBeCloseTo(0.1 * [0.5, 0.25, 0.25][i] - 0.9 * r, 6));
  });
});
