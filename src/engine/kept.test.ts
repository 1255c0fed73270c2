/**
 * What the engine really keeps, against the method worked out here from the weights alone: in the first layer rotated
 * queries and keys depend on nothing but a token and its position. A row, key or head mixed up anywhere between the
 * forward pass and the compacted cache shows.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { RpcPolicy } from '../policies/policy.js';
import { openEngine } from './engine.js';
import { drawn, fixture, request, rpc } from './testing.js';
import type { Engine } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const folder = fixture('llama-g4');
const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, number>;
const hidden = config.hidden_size;
const heads = config.num_attention_heads;
const kvHeads = config.num_key_value_heads;
const dim = hidden / heads;
const group = heads / kvHeads;
const prompt = Array.from({ length: 9 }, (_, i) => (i * 13 + 5) % 64);

const file = readFileSync(join(folder, 'model.safetensors'));
const headerBytes = Number(file.readBigUInt64LE());
const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, { data_offsets: [number, number] }>;
function tensor(name: string): Float32Array {
  const [begin, end] = header[name].data_offsets;
  return new Float32Array(Uint8Array.from(file.subarray(8 + headerBytes + begin, 8 + headerBytes + end)).buffer);
}
const embedding = tensor('model.embed_tokens.weight');
const norm = tensor('model.layers.0.input_layernorm.weight');
const weights = { q: tensor('model.layers.0.self_attn.q_proj.weight'), k: tensor('model.layers.0.self_attn.k_proj.weight') };

/** The rotated query or key of one head for a token at a position. */
function rotated(which: 'q' | 'k', token: number, position: number, head: number): number[] {
  const x = Array.from(embedding.subarray(token * hidden, (token + 1) * hidden));
  const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / hidden + config.rms_norm_eps);
  const out = Array.from({ length: dim }, (_, i) =>
    x.reduce((sum, v, k) => sum + v * scale * norm[k] * weights[which][(head * dim + i) * hidden + k], 0),
  );
  return out.map((value, i) => {
    const angle = position / config.rope_theta ** ((2 * (i % (dim / 2))) / dim);
    const other = i < dim / 2 ? -out[i + dim / 2] : out[i - dim / 2];
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

/** Votes of one query head over the candidates: softmax over those that a row sees, summed over rows. */
function votes(tokens: number[], head: number, rows: number[], candidates: number[], causal: boolean): number[] {
  const keys = candidates.map((p) => rotated('k', tokens[p], p, Math.floor(head / group)));
  const sum = candidates.map(() => 0);
  for (const row of rows) {
    const query = rotated('q', tokens[row], row, head);
    const raw = candidates.map((p, i) =>
      causal && p > row ? 0 : Math.exp(keys[i].reduce((dot, k, j) => dot + k * query[j], 0) / Math.sqrt(dim)),
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
