/** The oracle looks ahead and comes back: what it does then is what it would have done, and nothing of the trip is left. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { closedForm } from '../policies/closed-form.js';
import { settlePolicy } from '../policies/settle.js';
import { openEngine } from './engine.js';
import { firstLayer } from './first-layer.js';
import { drawn, fixture, full, request } from './testing.js';
import type { Engine } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const folder = fixture('llama-g4');
const promptIds = [5, 9, 3, 7, 11];
const knobs = { interval: 12, window: 3, ratio: 3, pooling: 'none' };
let engine: Engine;
beforeAll(async () => void (engine = await openEngine({ model: folder, threads: 2, cache: 'f32' })));
afterAll(() => engine.dispose());

const run = (given: object, options: object = {}) =>
  engine.generate(
    request({ promptIds, policy: settlePolicy('lookahead', { ...knobs, ...given }), sampling: drawn, maxTokens: 70, ...options }),
  ).result;
const whole = (maxTokens = 70) => engine.generate(request({ promptIds, policy: full, sampling: drawn, maxTokens })).result;

/** Mean over the heads of the first layer of what the row at `at` gives to all before it, worked out from the weights alone. */
function attention(tokens: number[], at: number): number[] {
  const { heads, kvHeads, rotated } = firstLayer(folder);
  const mean = Array.from({ length: at + 1 }, () => 0);
  for (let head = 0; head < heads; head++) {
    const query = rotated('q', tokens[at], at, head);
    const raw = mean.map((_, p) => {
      const key = rotated('k', tokens[p], p, Math.floor((head * kvHeads) / heads));
      return Math.exp(key.reduce((sum, value, i) => sum + value * query[i], 0) / Math.sqrt(query.length));
    });
    const total = raw.reduce((a, b) => a + b, 0);
    raw.forEach((value, p) => (mean[p] += value / total / heads));
  }
  return mean;
}

describe('lookahead', () => {
  it.each([undefined, 1, 5, 40])('keeps what the next tokens of the full cache attend to, %s ahead', async (ahead) => {
    const { trace = [] } = await run({ ahead }, { trace: true });
    const kept = trace.find(({ generated, layer }) => generated === 15 && layer === 0)!;
    const tokens = [...promptIds, ...(await whole()).ids];
    const first = promptIds.length;
    const score = Array.from({ length: 12 }, () => 0); // of the candidates, generated tokens 1 to 12
    for (let row = 0; row < (ahead ?? 12); row++) {
      const weights = attention(tokens, first + 15 + row);
      score.forEach((_, i) => (score[i] += weights[first + i]));
    }
    const order = score.map((_, i) => i).sort((a, b) => score[b] - score[a]);
    expect(score[order[3]] - score[order[4]]).toBeGreaterThan(1e-6); // the cut is clear
    const best = order.slice(0, 4).sort((a, b) => a - b).map((i) => first + i); // prettier-ignore
    expect(Array.from(kept.positions)).toEqual([0, 1, 2, 3, 4, ...best, 17, 18, 19]);
  });

  it.each([1, 14, 15, 16, 17, 20, 27, 28, 29, 70])('comes back from every trip: nothing evicted is the full cache, %i tokens', async (maxTokens) => {
    const own = await run({ ratio: 1 }, { maxTokens });
    const { seconds: _a, compressions: _b, cache, ...rest } = await whole(maxTokens);
    expect(own).toMatchObject(rest);
    expect({ ...own.cache, sideBytes: 0 }).toEqual({ ...cache, sideBytes: 0 });
    expect(own.compressions).toEqual(closedForm(settlePolicy('lookahead', { ...knobs, ratio: 1 }), 5, maxTokens).compressions);
  });

  it('does not compress where nothing follows to be seen', async () => {
    expect((await run({}, { maxTokens: 16 })).compressions).toEqual([]);
    expect((await run({}, { maxTokens: 17 })).compressions).toMatchObject([{ generated: 15 }]);
  });

  it('comes back where a stop id ends the trip, or the token before it', async () => {
    const { ids } = await run({ ratio: 1 });
    for (const stop of new Set(ids.slice(14, 29))) {
      const end = ids.indexOf(stop);
      const { ids: own, finish, compressions } = await run({ ratio: 1 }, { stopIds: [stop] });
      expect({ own, finish }).toEqual({ own: ids.slice(0, end), finish: 'stop' });
      expect(compressions.map(({ generated }) => generated)).toEqual([15, 27, 39, 51, 63].filter((at) => at < end));
    }
  });

  it('tells of no token that it only looked at, stops where it is told, and charges the trip as side bytes', async () => {
    const heard: number[] = [];
    const result = await run({}, { onTokens: (more: number[]) => (heard.push(...more), heard.length === 40) });
    expect(result.finish).toBe('stop');
    expect(heard).toEqual(result.ids);
    const [{ cache: short }, { cache: long }] = [await run({ ahead: 1 }), await run({ ahead: 32 })];
    const page = 2 * 2 * 16 * 2 * 4 * 4; // layers, key-value heads, entries, keys and values, channels, bytes
    expect(long.sideBytes - short.sideBytes).toBeGreaterThanOrEqual(page);
    expect(long.peakEntries).toBe(short.peakEntries);
  });

  it('gives the same tokens in a batch and in a pool too small for all', async () => {
    const policy = settlePolicy('lookahead', knobs);
    const requests = Array.from({ length: 8 }, (_, i) => request({ promptIds: promptIds.slice(i % 4), policy, sampling: drawn, maxTokens: 60 + i, stream: [i, 0], trace: true }));
    const facts = ({ seconds: _, ...rest }: object & { seconds: unknown }) => rest;
    const alone = [];
    for (const one of requests) alone.push(facts(await engine.generate(one).result));
    const tight = await openEngine({ model: folder, threads: 3, cache: 'f32', cacheLimit: 30_000 });
    for (const place of [engine, tight]) expect((await place.generateMany(requests, { batch: 8 })).map(facts)).toEqual(alone);
    tight.dispose();
  });
});
