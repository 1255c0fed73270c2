import { describe, expect, it } from 'vitest';
import { benchmarkModels, benchmarkPeakGigabytes, triggers } from './memory.js';
import { reported } from './reported.js';

const policies: Record<string, { interval: number; window: number; ratio: number } | undefined> = {
  'Full KV': undefined,
  'RPC P=1024': { interval: 1024, window: 32, ratio: 4 },
  'RPC P=4096': { interval: 4096, window: 32, ratio: 4 },
};

/** The one cell that the source flags: it equals the throughput cell of the same setting. */
const flagged = (cell: { model: string; method: string; length: number; batch: number }): boolean =>
  cell.model === 'QwQ-32B' && cell.method === 'RPC P=1024' && cell.length === 32768 && cell.batch === 8;

describe('peak memory of the paper’s benchmark', () => {
  const cells = reported().memoryGrid.filter((cell) => cell.gigabytes !== null);
  const errors = cells.map((cell) => {
    const model = benchmarkModels.find(({ name }) => name === cell.model)!;
    const modelled = benchmarkPeakGigabytes(model, { batch: cell.batch, prompt: 128, length: cell.length, rpc: policies[cell.method] });
    return { cell, error: modelled - cell.gigabytes! };
  });

  it('covers the table', () => {
    expect(reported().memoryGrid).toHaveLength(72);
    expect(cells).toHaveLength(68);
  });

  it.each(errors)('is within 1 GB: $cell.model, $cell.method, $cell.length tokens, batch $cell.batch', ({ cell, error }) => {
    if (flagged(cell)) expect(Math.abs(error)).toBeCloseTo(1.2, 1);
    else expect(Math.abs(error)).toBeLessThan(1);
  });

  it('agrees with the source’s own count of close cells: 65 of 68 within 0.35 GB', () => {
    expect(errors.filter(({ error }) => Math.abs(error) <= 0.35)).toHaveLength(65);
  });

  it('knows the golden triggers (METHODS: P=16, R=4, c=4, prompt 5)', () => {
    expect(triggers({ batch: 1, prompt: 5, length: 40, rpc: { interval: 16, window: 4, ratio: 4 } })).toEqual([
      { generated: 20, before: 25, after: 13 },
      { generated: 36, before: 29, after: 17 },
    ]);
  });

  it('refuses an interval of zero', () => {
    const run = { batch: 1, prompt: 5, length: 40, rpc: { interval: 0, window: 4, ratio: 4 } };
    expect(() => benchmarkPeakGigabytes(benchmarkModels[0], run)).toThrowError(/interval must be at least 1, got 0/);
  });
});
