import { describe, expect, it } from 'vitest';
import { defaultBatch } from '../evaluate/batch.js';
import { batchOf, crewOf, type Load } from './crew.js';

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

describe('crewOf', () => {
  it('opens a GPU once', () => {
    const gpu: Load = { weightsBytes: 3.6e6, device: 'cuda' };
    expect(crewOf({ threads: 3 }, gpu)).toEqual({ workers: 1, threads: 3 });
    expect(crewOf({ workers: 1 }, gpu).workers).toBe(1);
    expect(() => crewOf({ workers: 2 }, gpu)).toThrow('workers 2: device cuda takes one');
    expect(crewOf({ workers: 2, threads: 1 }, small)).toEqual({ workers: 2, threads: 1 });
  });
});
