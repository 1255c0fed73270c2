import { describe, expect, it } from 'vitest';
import { batchOf, defaultBatch, type Load } from './batch.js';

const small: Load = { weightsBytes: 3.6e6, device: 'cpu' };

describe('batchOf', () => {
  it('has as many samples in flight in all workers on a small model as eval has', () => {
    expect(batchOf(1, small)).toBe(defaultBatch);
    expect(2 * batchOf(2, small)).toBe(defaultBatch);
  });

  it('gives no worker fewer than a product multiplies at once', () => {
    expect(batchOf(16, small)).toBe(4);
  });

  it('shares the reading of large weights among many', () => {
    expect(batchOf(1, { weightsBytes: 270e6, device: 'cpu' })).toBe(64);
    expect(batchOf(1, { weightsBytes: 3.6e6, device: 'cuda' })).toBe(64);
  });
});
