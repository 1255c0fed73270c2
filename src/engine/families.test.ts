/** What families differ in beyond their logits (logits.test.ts). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { settlePolicy } from '../policies/settle.js';
import { openEngine } from './engine.js';
import { syntheticFamilies, writeSyntheticCheckpoint } from './synthetic.js';
import { fixture, request } from './testing.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-families-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Expected {
  prompt: number[];
  greedy: number[];
}

const expectedOf = (name: string) => JSON.parse(readFileSync(join(fixture(name), 'expected.json'), 'utf8')) as Expected;

// Without an eviction a key's place in the cache is its position: rotated at reading or at writing, it is the same key.
it.each(['llama-g4', 'qwen3-g2', 'qwen3-yarn', 'glm4-new-keys', 'chatglm-g8'])('%s: keys rotated when they are read give the same ids', async (name) => {
  const { prompt, greedy } = expectedOf(name);
  const engine = await openEngine({ model: fixture(name), threads: 1, cache: 'f32' });
  const policy = settlePolicy('streaming', { keep: 200 });
  const { ids } = await engine.generate(request({ promptIds: prompt, policy, maxTokens: greedy.length })).result;
  expect(ids).toEqual(greedy);
  engine.dispose();
});

// GLM ends a turn with any of three ids.
it('ends at whichever of several ends of text comes first', async () => {
  const { prompt, greedy } = expectedOf('glm4-bf16');
  const engine = await openEngine({ model: fixture('glm4-bf16'), threads: 1, cache: 'f32' });
  expect(engine.info.eosIds).toEqual([2, 5, 7]);
  const { ids, finish } = await engine.generate(request({ promptIds: prompt, maxTokens: 64, stopIds: undefined })).result;
  const end = greedy.findIndex((id) => [2, 5, 7].includes(id));
  expect(end).toBe(6);
  expect({ ids, finish }).toEqual({ ids: greedy.slice(0, end), finish: 'stop' });
  engine.dispose();
});

it.each(syntheticFamilies)('a synthetic %s is one that the engine takes', async (family) => {
  const model = join(folder, family);
  writeSyntheticCheckpoint(model, { family, hidden: 32, layers: 2, heads: 4, kvHeads: 2, intermediate: 48, vocab: 64 });
  const engine = await openEngine({ model, threads: 1 });
  expect(engine.info).toMatchObject({ family, layers: 2, weightsType: 'bf16' });
  expect((await engine.logits([3, 4, 5])).every(Number.isFinite)).toBe(true);
  engine.dispose();
});
