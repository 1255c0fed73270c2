/**
 * Products whose inputs are rounded to bfloat16. That each sum is right is shown in native/test/products_test.cc, against
 * sums in double precision; here, that the option reaches every product and keeps the engine's promises.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadBinding } from './binding.js';
import { openEngine } from './engine.js';
import { writeSyntheticCheckpoint } from './synthetic.js';
import { drawn, fixture, request, rpc } from './testing.js';
import type { EngineOptions, GenerateResult } from './types.js';

let model: string;
beforeAll(() => {
  model = mkdtempSync(join(tmpdir(), 'products-'));
  writeSyntheticCheckpoint(model, { hidden: 72, layers: 2, heads: 4, kvHeads: 2, intermediate: 200, vocab: 64 });
});
afterAll(() => rmSync(model, { recursive: true }));

const ids = Array.from({ length: 40 }, (_, i) => (i * 29) % 64);

async function logits(options: Partial<EngineOptions>): Promise<{ simd: string; values: Float32Array }> {
  const engine = await openEngine({ model, threads: 2, cache: 'f32', ...options });
  const values = await engine.logits(ids);
  engine.dispose();
  return { simd: engine.info.simd, values };
}

/** The largest difference, in shares of the root mean square of `a`. */
function distance(a: Float32Array, b: Float32Array): number {
  const size = Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) / a.length);
  return a.reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i])), 0) / size;
}

it.each(loadBinding().simd())('%s: rounding moves the logits as much as eight bits of mantissa do', async (simd) => {
  const plain = await logits({ simd });
  const rounded = await logits({ simd, products: 'bf16' });
  expect(plain.simd).toBe(simd);
  expect(rounded.simd).toMatch(new RegExp(`^${simd}-(bf16|rounded)$`));
  expect(distance(plain.values, rounded.values)).toBeGreaterThan(1e-4);
  expect(distance(plain.values, rounded.values)).toBeLessThan(0.05);
});

/** Root mean square of the differences in shares of that of `a`: one input that rounds otherwise decides the largest. */
function apart(a: Float32Array, b: Float32Array): number {
  const square = (values: Float32Array): number => values.reduce((sum, x) => sum + x * x, 0);
  return Math.sqrt(square(a.map((x, i) => x - b[i])) / square(a));
}

it('instruction sets agree nearer than rounded and plain products do', async () => {
  const all = await Promise.all(loadBinding().simd().map((simd) => logits({ simd, products: 'bf16' })));
  const plain = await logits({ simd: 'scalar' });
  for (const { values } of all.slice(1)) {
    expect(apart(all[0].values, values)).toBeLessThan(apart(all[0].values, plain.values) / 2);
  }
});

it('weights in float32 see rounded inputs too', async () => {
  const reasoner = fixture('llama-g4');
  const [plain, rounded] = [await logits({ model: reasoner }), await logits({ model: reasoner, products: 'bf16' })];
  expect(distance(plain.values, rounded.values)).toBeGreaterThan(1e-4);
  expect(distance(plain.values, rounded.values)).toBeLessThan(0.05);
});

it('a sequence is the same alone, in any batch, on any threads', async () => {
  const requests = Array.from({ length: 7 }, (_, i) =>
    request({ promptIds: ids.slice(0, 3 + 5 * i), policy: rpc(), sampling: drawn, maxTokens: 50, stream: [i, 0], trace: true }),
  );
  const facts = ({ seconds: _, ...rest }: GenerateResult): unknown => rest;
  const alone = [];
  for (const [threads, batch] of [[1, 1], [2, 7], [3, 4]]) {
    const engine = await openEngine({ model, threads, products: 'bf16', prefillRows: 5 * threads });
    alone.push((await engine.generateMany(requests, { batch })).map(facts));
    engine.dispose();
  }
  expect(alone[1]).toEqual(alone[0]);
  expect(alone[2]).toEqual(alone[0]);
});
