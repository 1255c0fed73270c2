import { describe, expect, it } from 'vitest';
import { attentionWork, decodeWork, entryBytes, floorOf, prefillWork, shapeOf, type Shape } from './work.js';

// Reckoned by hand: 2 layers, hidden 8, 4 query heads on 2 of size 2, MLP 16, 10 words; numbers of 2 bytes.
const shape: Shape = { layers: 2, hidden: 8, heads: 4, kvHeads: 2, headDim: 2, intermediate: 16, vocab: 10, weightBytes: 1344, cacheWidth: 2 };
// A layer's matrices: query 64, key 32, value 32, output 64, MLP 3 · 128 = 384; together 576; both layers 1152.

const config = {
  family: 'llama', layers: 2, hidden: 8, intermediate: 16, heads: 4, kvHeads: 2, headDim: 2, vocab: 10, normEpsilon: 1e-6, ropeTheta: 1e4,
  ropeScaling: { type: 'default', factor: 1, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192, betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 1 },
  attentionBias: false, mlpBias: false,
}; // prettier-ignore

describe('work of a pass', () => {
  it('reads an embedding only where it is the output too', () => {
    expect(shapeOf({ ...config, tiedEmbeddings: true }, 1000, 2, 2).weightBytes).toBe(1000);
    expect(shapeOf({ ...config, tiedEmbeddings: false }, 1000, 2, 2).weightBytes).toBe(1000 - 10 * 8 * 2);
  });

  it('keeps keys and values of every layer and head', () => {
    expect(entryBytes(shape)).toBe(2 * 2 * 2 * 2 * 2);
  });

  it('reads weights once for the whole batch in a decode step', () => {
    // An entry is 32 bytes. A token: 2 · (1152 + 80) for weights, 4 · 2 · 4 · 2 = 64 for each entry it sees.
    expect(decodeWork(shape, 1, 5)).toEqual({ bytes: 1344 + 160, operations: 2464 + 320 });
    expect(decodeWork(shape, 3, 5)).toEqual({ bytes: 1344 + 480, operations: 3 * 2784 });
  });

  it('sees 1, 2, 3 entries in a prompt of three, and logits of the last', () => {
    expect(prefillWork(shape, 3)).toEqual({ bytes: 1344 + 96, operations: 2 * 3 * 1152 + 160 + (1 + 2 + 3) * 64 });
  });

  it('reads keys and values of a group once', () => {
    // 2 sequences · 3 heads · 5 entries · 4 channels · 2 (keys, values) = 240 numbers; each multiplied for 7 query heads.
    expect(attentionWork(2, 3, 7, 4, 5, 2)).toEqual({ bytes: 480, operations: 2 * 7 * 240 });
  });
});

describe('floor', () => {
  it('is the larger of reading and reckoning', () => {
    expect(floorOf({ bytes: 100, operations: 30 }, { bandwidth: 50, operations: 10 })).toMatchObject({ seconds: 3, bound: 'operations' });
    expect(floorOf({ bytes: 100, operations: 30 }, { bandwidth: 20, operations: 10 })).toMatchObject({ seconds: 5, bound: 'bytes' });
  });
});
