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

it.each([['layer', 1], ['group', kvHeads]] as const)('a trace tells what each entry gathered of attention, %s, also where nothing leaves', async (aggregation, sets) => {
  const policy = settlePolicy('h2o', { budget: 'ratio', ratio: 1, interval: 8, window: 8, recent: 'window', pinPrompt: true, aggregation });
  const { ids, trace = [] } = await engine.generate(request({ promptIds: prompt, policy, sampling: drawn, maxTokens: 41, trace: true })).result;
  const whole = await engine.generate(request({ promptIds: prompt, sampling: drawn, maxTokens: 41 })).result;
  expect(ids).toEqual(whole.ids);
  const tokens = [...prompt, ...ids];
  const first = trace.filter(({ layer }) => layer === 0);
  expect(first.map(({ generated, head }) => [generated, head])).toEqual([16, 24, 32, 40].flatMap((at) => Array.from({ length: sets }, (_, set) => [at, sets === 1 ? null : set])));
  for (const { generated, head, positions, mass } of first) {
    const rows = prompt.length + generated;
    expect(Array.from(positions)).toEqual(Array.from({ length: rows }, (_, i) => i));
    const expected = positions.reduce((sum, row) => {
      const held = Array.from({ length: row + 1 }, (_, i) => i);
      attention(tokens, members(head ?? 0, sets), row, held).forEach((weight, i) => (sum[i] += weight));
      return sum;
    }, new Float64Array(rows));
    expect(mass).toHaveLength(rows);
    mass!.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
  }
  for (const { positions, mass } of trace) expect(mass!.reduce((a, b) => a + b, 0)).toBeCloseTo(positions.length, 3); // of every layer: a row gives 1
});

it('a policy that notes no attention tells none', async () => {
  for (const policy of [settlePolicy('rpc', { interval: 8, window: 4 }), settlePolicy('raas', { keep: 40 })]) {
    const { trace = [] } = await engine.generate(request({ promptIds: prompt, policy, maxTokens: 41, trace: true })).result;
    expect(trace.length).toBeGreaterThan(0);
    for (const kept of trace) expect(kept).not.toHaveProperty('mass');
  }
});
