import { describe, expect, it } from 'vitest';
import { defaultBatch } from '../evaluate/batch.js';
import { batchOf } from './crew.js';

describe('batchOf', () => {
  it('has as many samples in flight in all workers on a small model as eval has', () => {
    expect(batchOf(1, 3.6e6)).toBe(defaultBatch);
    expect(2 * batchOf(2, 3.6e6)).toBe(defaultBatch);
  });

  it('gives no worker fewer than a product multiplies at once', () => {
    expect(batchOf(16, 3.6e6)).toBe(4);
  });

  it('shares the reading of large weights among many', () => {
    expect(batchOf(1, 270e6)).toBe(64);
  });
});
