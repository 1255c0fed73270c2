import { describe, expect, it } from 'vitest';
import type { Load } from '../evaluate/batch.js';
import { crewOf } from './crew.js';

const small: Load = { weightsBytes: 3.6e6, device: 'cpu' };

describe('crewOf', () => {
  it('opens a GPU once', () => {
    const gpu: Load = { weightsBytes: 3.6e6, device: 'cuda' };
    expect(crewOf({ threads: 3 }, gpu)).toEqual({ workers: 1, threads: 3 });
    expect(crewOf({ workers: 1 }, gpu).workers).toBe(1);
    expect(() => crewOf({ workers: 2 }, gpu)).toThrow('workers 2: device cuda takes one');
    expect(crewOf({ workers: 2, threads: 1 }, small)).toEqual({ workers: 2, threads: 1 });
  });
});
