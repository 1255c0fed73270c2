/**
 * What the engine really keeps, against the method worked out here from the weights alone: in the first layer rotated
 * queries and keys depend on nothing but a token and its position. A row, key or head mixed up anywhere between the
 * forward pass and the compacted cache shows.
 */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { RpcPolicy } from '../policies/policy.js';
import { openEngine } from './engine.js';
import { firstLayer } from './first-layer.js';
import { drawn, fixture, request, rpc } from './testing.js';
import type { Engine } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const folder = fixture('llama-g4');
const { heads, kvHeads, rotated } = firstLayer(folder);
const group = heads / kvHeads;
const prompt = Array.from({ length: 9 }, (_, i) => (i * 13 + 5) % 64);

/** Votes of one query head over the candidates: softmax over those that a row sees, summed over rows. */
function votes(tokens: number[], head: number, rows: number[], candidates: number[], causal: boolean): number[] {
  const keys = candidates.map((p) => rotated('k', tokens[p], p, Math.floor(head / group)));
  const sum = candidates.map(() => 0);
  for (const row of rows) {
    const query = rotated('q', tokens[row], row, head);
    const raw = candidates.map((p, i) =>
      causal && p > row ? 0 : Math.exp(keys[i].reduce((dot, k, j) => dot + k * query[j], 0) / Math.sqrt(query.length)),
    );
    const total = raw.reduce((a, b) => a + b, 0);
    if (total > 0) raw.forEach((value, i) => (sum[i] += value / total));
  }
  return sum;
}

function pooled(scores: number[], { kernel, preset }: RpcPolicy): number[] {
  const half = (kernel - 1) / 2;
  return scores.map((_, i) => {
    const near = scores.slice(Math.max(0, i - half), i + half + 1);
    return near.reduce((a, b) => a + b, 0) / (preset === 'reference' ? kernel : near.length);
  });
}

/** Rows that vote at a trigger, as true positions. */
function voters({ preset, selectors, window }: RpcPolicy, written: number, last: number): number[] {
  const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  const end = prompt.length + written;
  if (selectors === 'prompt') return span(Math.max(0, prompt.length - window), prompt.length);
  if (selectors === 'all') return span(prompt.length + last, end);
  return preset === 'reference' ? [...span(end - window + 1, end), end - 1] : span(end - window, end);
}

const sets = ({ aggregation }: RpcPolicy): number[][] =>
  aggregation === 'layer'
    ? [Array.from({ length: heads }, (_, h) => h)]
    : aggregation === 'group'
      ? Array.from({ length: kvHeads }, (_, g) => Array.from({ length: group }, (_, h) => g * group + h))
      : Array.from({ length: heads }, (_, h) => [h]);

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ model: folder, threads: 2, cache: 'f32' });
});
afterAll(() => engine.dispose());

it.each([
  rpc(),
  rpc({ preset: 'reference' }),
  rpc({ aggregation: 'group' }),
  rpc({ aggregation: 'head' }),
  rpc({ selectors: 'prompt' }),
  rpc({ selectors: 'all' }),
  rpc({ aggregation: 'head', selectors: 'all', window: 7 }),
  rpc({ interval: 24, window: 9, ratio: 3, kernel: 3, aggregation: 'group', preset: 'reference' }),
])('$preset, $aggregation, $selectors, P $interval, R $window', async (policy) => {
  const { ids, trace = [] } = await engine.generate(
    request({ promptIds: prompt, policy, sampling: drawn, maxTokens: 120, trace: true }),
  ).result;
  const tokens = [...prompt, ...ids];
  const held = sets(policy).map(() => prompt.map((_, i) => i));
  let last = 0;
  let compared = 0;
  for (let cycle = 1; cycle * policy.interval + policy.window < ids.length; cycle++) {
    const written = cycle * policy.interval + policy.window;
    const end = prompt.length + written;
    const rows = voters(policy, written, last);
    const { interval, ratio = 4 } = policy;
    const stay = policy.preset === 'reference' ? cycle * Math.floor(interval / ratio) : Math.floor((cycle * interval) / ratio);
    sets(policy).forEach((members, s) => {
      for (let p = prompt.length + last; p < end; p++) held[s].push(p);
      const candidates = held[s].slice(prompt.length, -policy.window);
      const each = members.map((head) => votes(tokens, head, rows, candidates, policy.selectors === 'all'));
      const scores = pooled(candidates.map((_, i) => each.reduce((sum, one) => sum + one[i], 0) / members.length), policy);
      const order = candidates.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
      const kept = trace.find(({ generated, layer, head }) => generated === written && layer === 0 && (head ?? 0) === s);
      const actual = Array.from(kept?.positions ?? []);
      const expected = [
        ...prompt.map((_, i) => i),
        ...order.slice(0, stay).sort((a, b) => a - b).map((i) => candidates[i]),
        ...held[s].slice(-policy.window),
      ];
      if (scores[order[stay - 1]] - scores[order[stay]] > 1e-5) {
        expect(actual).toEqual(expected);
        compared++;
      }
      held[s] = actual;
    });
    last = written;
  }
  expect(compared).toBeGreaterThanOrEqual(3);
});
