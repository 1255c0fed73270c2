/** Logits and greedy ids against Hugging Face transformers: data/fixtures/hf, whose make.py says how they were made. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { loadBinding } from './binding.js';
import { openEngine } from './engine.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const folder = fileURLToPath(new URL('../../data/fixtures/hf/', import.meta.url));
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
  .map(({ name }) => name);

interface Expected {
  prompt: number[];
  greedy: number[];
  /** (prompt + greedy ids, vocab) */
  logits: Float32Array;
}

function readExpected(name: string): Expected {
  const { prompt, greedy, logits } = JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')) as {
    prompt: number[];
    greedy: number[];
    logits: string;
  };
  const bytes = Uint8Array.from(Buffer.from(logits, 'base64'));
  return { prompt, greedy, logits: new Float32Array(bytes.buffer) };
}

function largestError(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]) || (value === b[i] ? 0 : Infinity)), 0);
}

const greedySampling = { temperature: 0, topP: 1, topK: 0, minP: 0, seed: 0 };

it('covers every family and group size', () => {
  const families = names.map((name) => (JSON.parse(readFileSync(join(folder, name, 'config.json'), 'utf8')) as { model_type: string }).model_type);
  expect([...new Set(families)].sort()).toEqual(['chatglm', 'glm', 'glm4', 'llama', 'qwen2', 'qwen3']);
  expect(names.length).toBeGreaterThanOrEqual(21);
});

describe.each(loadBinding().simd())('%s against transformers', (simd) => {
  it.each(names)('%s: logits within 1e-4, 64 greedy ids equal', async (name) => {
    const { prompt, greedy, logits } = readExpected(name);
    const engine = await openEngine({ model: join(folder, name), threads: 2, cache: 'f32', simd });
    try {
      expect(largestError(await engine.logits([...prompt, ...greedy]), logits)).toBeLessThanOrEqual(1e-4);
      const generation = engine.generate({
        promptIds: prompt,
        policy: { name: 'full' },
        sampling: greedySampling,
        maxTokens: greedy.length,
        stopIds: [],
      });
      expect((await generation.result).ids).toEqual(greedy);
    } finally {
      engine.dispose();
    }
  });
});
