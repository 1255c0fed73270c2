/** Golden facts of the cache under compression: triggers, counts and kept positions (the method's own description). */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { settlePolicy } from '../policies/settle.js';
import { openEngine } from './engine.js';
import { drawn, fixture, full, greedy, random, recency, request, rpc } from './testing.js';
import type { Engine, GenerateResult } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ model: fixture('llama-g4'), threads: 2, cache: 'f32' });
});
afterAll(() => engine.dispose());

const run = (options: Parameters<typeof request>[0]): Promise<GenerateResult> => engine.generate(request(options)).result;
const counts = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('P = 16, R = 4, c = 4, prompt 5, 40 tokens', () => {
  const expected = [
    { generated: 20, before: 25, after: 13 },
    { generated: 36, before: 29, after: 17 },
  ];

  it.each([
    ['rpc', rpc()],
    ['rpc, reference', rpc({ preset: 'reference' })],
    ['rpc by group', rpc({ aggregation: 'group' })],
    ['rpc by prompt', rpc({ selectors: 'prompt' })],
    ['rpc by all', rpc({ selectors: 'all' })],
    ['recency', recency()],
    ['random', random()],
    ['random redrawn per head', random({ draw: 'redraw', granularity: 'head' })],
  ])('%s', async (_, policy) => {
    const { compressions, cache } = await run({ policy });
    expect(compressions).toEqual(expected);
    expect(cache.peakEntries).toBe(29);
    expect(cache.finalEntries).toBe(20);
    expect(cache.meanEntries).toBeCloseTo(711 / 39, 12);
    expect(cache.minEntries).toBeUndefined();
    // 2 layers, 2 key-value heads; pages of 16 entries, keys and values of 4 floats
    expect(cache.peakBytes).toBe(2 * 2 * 2 * (16 * 2 * 4 * 4));
    // The same sum as meanEntries, over the entries that each of 39 decode passes attends to.
    expect(cache.readBytes).toBe(711 * 2 * 2 * (2 * 4 * 4));
  });

  it('rpc by head: each query head has these counts, the stored union is larger', async () => {
    const { compressions, cache, trace } = await run({ policy: rpc({ aggregation: 'head' }), trace: true });
    expect(compressions).toEqual(expected);
    expect(cache.finalEntries).toBeGreaterThan(20);
    expect(cache.minEntries).toBeLessThanOrEqual(cache.finalEntries);
    expect(cache.maxEntries).toBeGreaterThanOrEqual(cache.finalEntries);
    expect(trace).toHaveLength(2 * 2 * 8); // compressions, layers, query heads
    for (const { generated, positions } of trace ?? []) expect(positions).toHaveLength(generated === 20 ? 13 : 17);
  });

  it('a run of exactly t tokens never gets to the trigger at t', async () => {
    expect((await run({ policy: rpc(), maxTokens: 20 })).compressions).toEqual([]);
    expect((await run({ policy: rpc(), maxTokens: 21 })).compressions).toHaveLength(1);
  });
});

describe('kept positions', () => {
  it('recency keeps the prompt and the latest', async () => {
    const { trace } = await run({ policy: recency(), trace: true });
    expect(trace?.map(({ generated, layer, head, positions }) => [generated, layer, head, Array.from(positions)])).toEqual([
      ...[0, 1].map((layer) => [20, layer, null, [...counts(0, 5), ...counts(17, 25)]]),
      ...[0, 1].map((layer) => [36, layer, null, [...counts(0, 5), ...counts(29, 41)]]),
    ]);
  });

  it.each([
    ['rpc', rpc(), 1],
    ['rpc by group', rpc({ aggregation: 'group' }), 2],
    ['random per head', random({ granularity: 'head' }), 2],
  ])('%s: the prompt, the window, ascending, one set a head where it says so', async (_, policy, sets) => {
    const { trace = [] } = await run({ policy, sampling: drawn, trace: true });
    expect(trace).toHaveLength(2 * 2 * sets);
    for (const { generated, positions } of trace) {
      const kept = Array.from(positions);
      expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
      expect(kept.slice(0, 5)).toEqual(counts(0, 5));
      expect(kept.slice(-4)).toEqual(counts(5 + generated - 4, 5 + generated));
    }
  });

  it('what left does not come back', async () => {
    const { trace = [] } = await run({ policy: rpc(), maxTokens: 100, trace: true });
    for (let i = 2; i < trace.length; i++) {
      const before = new Set(trace[i - 2].positions);
      const born = 5 + trace[i - 2].generated;
      for (const position of trace[i].positions) expect(before.has(position) || position >= born).toBe(true);
    }
  });

  it('a persistent draw keeps the same tokens on every run, whatever they say', async () => {
    const draw = async (sampling: typeof drawn): Promise<number[][]> =>
      ((await run({ policy: random(), sampling, trace: true })).trace ?? []).map(({ positions }) => Array.from(positions));
    expect(await draw({ ...drawn, temperature: 0 })).toEqual(await draw(drawn));
    expect(await draw({ ...drawn, seed: 8 })).not.toEqual(await draw(drawn));
  });

  it.each([
    ['random', {}],
    ['random', { draw: 'redraw', granularity: 'head' }],
    ['rpc-shuffled', {}],
    ['vase', { budget: 'ratio' }],
  ])('the lots of %s %o have a key of their own, which is not that of the tokens', async (name, options) => {
    const runWith = async (drawSeed: number | undefined, seed = 7, stream: [number, number] = [0, 0]) => {
      const policy = settlePolicy(name, { interval: 16, window: 4, ratio: 4, ...options, drawSeed });
      const { ids, trace = [] } = await run({ policy, sampling: { ...drawn, seed }, stream, trace: true, maxTokens: 60 });
      return { first: ids.slice(0, 20), kept: trace.map(({ positions }) => Array.from(positions)) };
    };
    const unnamed = await runWith(undefined);
    expect(await runWith(7)).toEqual(unnamed); // where none is given, the sampling's seed keys the lots too
    const other = await runWith(8);
    expect(other.first).toEqual(unnamed.first); // tokens before the first compression at 20 know nothing of the lots
    expect(other.kept).not.toEqual(unnamed.kept);
    expect((await runWith(8, 7, [1, 0])).kept).not.toEqual(other.kept); // another problem, other lots
    if (name === 'random') expect((await runWith(8, 9)).kept).toEqual(other.kept);
  });
});

describe('c = 1', () => {
  it.each([
    ['rpc', rpc({ ratio: 1 })],
    ['rpc by head', rpc({ ratio: 1, aggregation: 'head' })],
    ['random', random({ ratio: 1 })],
  ])('%s: compressions take place, nothing leaves, tokens are the full cache’s', async (_, policy) => {
    for (const sampling of [greedy, drawn]) {
      const compressed = await run({ policy, sampling, maxTokens: 100 });
      const whole = await run({ policy: full, sampling, maxTokens: 100 });
      expect(compressed.compressions).toHaveLength(5);
      for (const { before, after } of compressed.compressions) expect(after).toBe(before);
      expect(compressed.ids).toEqual(whole.ids);
      expect(compressed.cache.peakBytes).toBe(whole.cache.peakBytes);
    }
  });
});

it('a cap holds', async () => {
  const { compressions } = await run({ policy: recency({ budget: 'cap', ratio: undefined, keep: 15 }), maxTokens: 60 });
  expect(compressions.map(({ after }) => after)).toEqual(compressions.map(({ before }) => Math.min(before, 15)));
  expect(compressions.length).toBeGreaterThan(1);
});

it('frees blocks for real and reports side bytes only where a policy has state', async () => {
  const whole = await run({ policy: full, maxTokens: 200 });
  const compressed = await run({ policy: rpc(), maxTokens: 200 });
  expect(compressed.cache.peakBytes).toBeLessThan(whole.cache.peakBytes / 2);
  expect(compressed.cache.meanBytes).toBeLessThan(whole.cache.meanBytes);
  expect(whole.cache.sideBytes).toBe(0);
  // 2 layers of 4 query rows of 8 heads by 4 floats, and a position for each of the entries at the peak
  expect(compressed.cache.sideBytes).toBe(2 * 4 * 8 * 4 * 4 + 2 * 4 * compressed.cache.peakEntries);
});
