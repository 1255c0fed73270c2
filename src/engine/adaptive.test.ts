/** Intervals that the model's certainty ends, on the engine. The rule itself: native/test/policies_frame_test.cc. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { closedForm } from '../policies/closed-form.js';
import { settlePolicy } from '../policies/settle.js';
import { openEngine } from './engine.js';
import { drawn, fixture, full, request } from './testing.js';
import type { Engine } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

let engine: Engine;
beforeAll(async () => void (engine = await openEngine({ model: fixture('llama-g4'), threads: 2, cache: 'f32' })));
afterAll(() => engine.dispose());

const [interval, window, ratio] = [12, 3, 4];
const promptIds = [5, 9, 3, 7, 11];
const run = (given: object, options: object = {}) =>
  engine.generate(
    request({ promptIds, policy: settlePolicy('adaptive', { interval, window, ratio, ...given }), sampling: drawn, maxTokens: 400, ...options }),
  ).result;

describe.each(['sure', 'unsure'])('adaptive, %s', (moment) => {
  it('compresses first where the entropies of the logits say so', async () => {
    for (let stream = 0; stream < 12; stream++) {
      const own = { stream: [stream, 0], maxTokens: 60 };
      const { ids } = await engine.generate(request({ promptIds, policy: full, sampling: drawn, ...own } as object)).result;
      const logits = await engine.logits([...promptIds, ...ids]);
      const vocab = engine.info.vocabSize;
      const entropies = ids.map((_, i) => {
        const row = Array.from(logits.subarray((promptIds.length - 1 + i) * vocab, (promptIds.length + i) * vocab), Math.exp);
        const total = row.reduce((a, b) => a + b);
        return row.reduce((sum, x) => sum - (x / total) * Math.log2(x / total), 0);
      });
      const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
      const calm = (t: number) => mean(entropies.slice(t - window, t)) - mean(entropies.slice(0, t));
      let t = window + interval / 2;
      while (t < window + 2 * interval && (moment === 'sure' ? calm(t) > 0 : calm(t) < 0)) t++;
      if (t < window + 2 * interval && Math.abs(calm(t)) < 1e-4) continue; // too close to call
      expect((await run({ moment }, own)).compressions[0].generated).toBe(t);
    }
  });

  it('keeps its intervals within bounds and RPC’s rate after each', async () => {
    const { compressions, cache } = await run({ moment });
    let last = window;
    for (const { generated, before, after } of compressions) {
      expect(generated - last).toBeGreaterThanOrEqual(interval / 2);
      expect(generated - last).toBeLessThanOrEqual(2 * interval);
      expect(after).toBe(promptIds.length + Math.floor((generated - window) / ratio) + window);
      expect(before).toBeLessThanOrEqual(promptIds.length + Math.floor(Math.max(0, generated - window - 2 * interval) / ratio) + 2 * interval + window);
      last = generated;
    }
    const gaps = new Set(compressions.map(({ generated }, i) => generated - (compressions[i - 1]?.generated ?? window)));
    expect(gaps.size).toBeGreaterThan(2);
    expect(cache.peakEntries).toBe(Math.max(...compressions.map(({ before }) => before)));
  });
});

it('has no closed form, and says so', () => {
  expect(() => closedForm(settlePolicy('adaptive'), 5, 100)).toThrow('policy adaptive: when it compresses is measured');
});
