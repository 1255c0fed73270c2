import { describe, expect, it } from 'vitest';
import { settlePolicy } from '../policies/settle.js';
import { BenchEngine } from './engine.js';

describe('a watched generation', () => {
  it('is read before its first step and leaves its tokens alone', async () => {
    const engine = await BenchEngine.open('data/models/reasoner', { threads: 2, simd: '' });
    try {
      const prompts = [Int32Array.of(5, 6, 7), Int32Array.of(8, 9)];
      const [bytes, type] = [2 ** 20, 'f32'] as const;
      const watched = await engine.generateWatched(prompts, 2, 40, settlePolicy('full'), { bytes, type });
      expect(watched.readings.length).toBeGreaterThan(0);
      const [{ bandwidth, operations, roundTrip, seconds }] = watched.readings;
      for (const value of [bandwidth, operations, roundTrip, seconds]) expect(value).toBeGreaterThan(0);
      expect(watched.seconds).toBeGreaterThan(0); // the reading's not among them
      const { results } = await engine.generate(prompts, 2, 40, settlePolicy('full'));
      expect(watched.results.map(({ ids }) => ids)).toEqual(results.map(({ ids }) => ids));
    } finally {
      engine.dispose();
    }
  });

  it('is heard of where the engine goes away first', async () => {
    const engine = await BenchEngine.open('data/models/reasoner', { threads: 1, simd: '' });
    const running = engine.generateWatched([Int32Array.of(5)], 1, 100_000, settlePolicy('full'), { bytes: 2 ** 20, type: 'f32' });
    engine.dispose();
    await expect(running).resolves.toMatchObject({ results: [{ finish: 'aborted' }] });
  });
});
