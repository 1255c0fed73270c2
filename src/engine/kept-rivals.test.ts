/** What the engine keeps under the rivals in the first layer, against their methods worked out here from the weights alone. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { settlePolicy } from '../policies/settle.js';
import { openEngine } from './engine.js';
import { firstLayer } from './first-layer.js';
import { drawn, fixture, request } from './testing.js';
import type { Engine } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const folder = fixture('llama-g4');
const { heads, kvHeads, rotated } = firstLayer(folder);
const group = heads / kvHeads;
const prompt = Array.from({ length: 30 }, (_, i) => (i * 13 + 5) % 64);

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ model: folder, threads: 2, cache: 'f32' });
});
afterAll(() => engine.dispose());

/** Mean over query heads of the softmax of the row at `at` over the positions held, none later than it. */
function attention(tokens: number[], members: number[], at: number, held: number[]): number[] {
  const mean = held.map(() => 0);
  for (const head of members) {
    const query = rotated('q', tokens[at], at, head);
    const raw = held.map((p) => {
      const key = rotated('k', tokens[p], p, Math.floor(head / group));
      return p > at ? 0 : Math.exp(key.reduce((sum, k, j) => sum + k * query[j], 0) / Math.sqrt(query.length));
    });
    const total = raw.reduce((a, b) => a + b, 0);
    raw.forEach((value, i) => (mean[i] += value / total / members.length));
  }
  return mean;
}

const members = (set: number, sets: number): number[] =>
  Array.from({ length: heads / sets }, (_, i) => (set * heads) / sets + i);

/** Scores of all that is held, and how many of the latest stay in any case. */
type Method = (tokens: number[], set: number[], held: number[], history: Map<number, number>) => { score: number[]; recent: number };

const snap = (window: number, kernel: number): Method => (tokens, set, held) => {
  const at = held.at(-1)!;
  const rows = Array.from({ length: window }, (_, i) => attention(tokens, set, at - i, held));
  const raw = held.map((_, i) => rows.reduce((sum, row) => sum + row[i], 0)).slice(0, -window);
  const half = (kernel - 1) / 2;
  const score = raw.map((_, i) => {
    const near = raw.slice(Math.max(0, i - half), i + half + 1);
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
  return { score, recent: window };
};

const methods: [string, Record<string, unknown>, number, Method][] = [
  ['tova', { keep: 24 }, 1, (tokens, set, held) => ({ score: attention(tokens, set, held.at(-1)!, held), recent: 0 })],
  ['h2o', { keep: 24 }, kvHeads, (_tokens, _set, held, history) => ({ score: held.map((p) => history.get(p)!), recent: 12 })],
  ['snapkv', { keep: 20, window: 4 }, kvHeads, snap(4, 5)],
  ['snapkv-decode', { keep: 24, interval: 8, window: 6, aggregation: 'layer' }, 1, snap(6, 5)],
];

it.each(methods)('%s %o', async (name, options, sets, method) => {
  const policy = settlePolicy(name, options);
  const keep = options.keep as number;
  const { ids, trace = [] } = await engine.generate(
    request({ promptIds: prompt, policy, sampling: drawn, maxTokens: 50, trace: true }),
  ).result;
  const tokens = [...prompt, ...ids];
  let compared = 0;
  for (let set = 0; set < sets; set++) {
    const held: number[] = [];
    const history = new Map<number, number>(); // H2O's mass
    for (let at = 0; at < tokens.length - 1; at++) {
      held.push(at);
      attention(tokens, members(set, sets), at, held).forEach((weight, i) => history.set(held[i], (history.get(held[i]) ?? 0) + weight));
      const kept = trace.find(({ generated, layer, head }) => prompt.length + generated - 1 === at && layer === 0 && (head ?? 0) === set);
      if (!kept) continue;
      const { score, recent } = method(tokens, members(set, sets), held, history);
      const order = held.slice(0, held.length - recent).map((_, i) => i).sort((a, b) => score[b] - score[a] || a - b);
      const stay = Math.max(0, keep - recent);
      const expected = [...order.slice(0, stay).sort((a, b) => a - b).map((i) => held[i]), ...held.slice(held.length - recent)];
      const actual = Array.from(kept.positions);
      if (order.length <= stay || score[order[stay - 1]] - score[order[stay]] > 1e-5) {
        expect(actual).toEqual(expected);
        compared += 1;
      }
      held.splice(0, held.length, ...actual);
    }
  }
  expect(compared).toBeGreaterThanOrEqual(name === 'snapkv' ? 2 : name === 'snapkv-decode' ? 4 : 20);
});
