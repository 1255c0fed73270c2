/** Plans against hand calculations, the paper's memory table, checkpoints' own sizes, and what the engine really holds. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openEngine } from '../engine/engine.js';
import { fixture, request } from '../engine/testing.js';
import type { Engine } from '../engine/types.js';
import { benchmarkModels } from '../paper/memory.js';
import { reported } from '../paper/reported.js';
import { policyNames } from '../policies/policies.js';
import { settlePolicy } from '../policies/settle.js';
import { planModel, type PlanOptions } from './plan.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const full = settlePolicy('full');
const plan = (options: Partial<PlanOptions> = {}) =>
  planModel({ model: 'R1-Distill-Qwen-7B', policy: full, batch: 1, prompt: 128, length: 4096, copies: 1, ...options });

describe('by hand', () => {
  // DeepSeek-R1-Distill-Qwen-7B has 7,615,616,512 parameters: https://huggingface.co/deepseek-ai/DeepSeek-R1-Distill-Qwen-7B
  it('a model of 7B parameters', async () => {
    const all = await plan({ batch: 4, deviceMemory: 80e9, bandwidth: 3.35e12, flops: 989e12 });
    const layer = 3584 * (3584 + 2 * 512) + 3584 * 3584 + 3 * 3584 * 18944; // qkv, output, gate with up and down
    const matrices = 28 * layer + 152064 * 3584;
    const vectors = 28 * (3584 + 2 * 512 + 2 * 3584) + 3584;
    expect(all.parameters).toBe(7_615_616_512);
    expect(matrices + vectors + 152064 * 3584).toBe(all.parameters);
    expect(all.weightsBytes).toBe(2 * all.parameters);
    expect(all.cacheBytesPerToken).toBe(2 * 28 * 512 * 2);
    // 128 and the 4,095 that are fed back: 4,223 entries in 264 pages of 16.
    expect(all.cacheBytes).toBe(4 * 264 * 16 * 57344);
    expect(all.sideBytes).toBe(0);
    expect(all.peakBytes).toBe(all.weightsBytes + all.cacheBytes);
    expect(all.oneCopyBytes).toBe(all.peakBytes);
    expect(all.largestBatch).toBe(Math.floor((80e9 - 15_231_233_024) / (264 * 16 * 57344)));
    const mean = (129 + 4223) / 2;
    expect(all.bytesPerStep).toBe(2 * (matrices + vectors + 4 * 3584) + 4 * mean * 57344);
    expect(all.flopsPerStep).toBe(4 * (2 * matrices + 4 * 28 * 28 * 128 * mean));
    expect(all.tokensPerSecondBound).toBeCloseTo(4 / (all.bytesPerStep / 3.35e12), 6); // memory is the bound
  });

  it('RPC: its peak just before a compression, and a window of queries beside it', async () => {
    const policy = settlePolicy('rpc', { interval: 1024, window: 32, ratio: 4 });
    const { cacheBytes, sideBytes } = await plan({ policy });
    // The third at 3,104: 128 + 512 + 32 + 1,024 entries, then no more than 128 + 768 + 32 + 991.
    expect(cacheBytes).toBe(Math.ceil((128 + 768 + 32 + 991) / 16) * 16 * 57344);
    expect(sideBytes).toBe(28 * 32 * 3584 * 4 + (128 + 768 + 32 + 991) * 28 * 4); // float32 queries, 4-byte positions
  });

  it('a cache in 4 bits: whole pages at 176 bytes an entry, a head’s last page in float32', async () => {
    const all = await plan({ cache: 'int4' });
    // 16 entries of 128 channels: codes 2·1,024 bytes, float16 scale and zero point of 128 channels and of 16 · 4 groups.
    const page = 2 * 1024 + 4 * 128 + 4 * 16 * 4;
    expect(all.cacheBytesPerToken).toBe((28 * 4 * page) / 16);
    // 4,223 entries: 263 pages, and 2·16·128 floats in 6 blocks of that size.
    expect(all.cacheBytes).toBe(28 * 4 * page * (263 + 6));
    const matrices = 28 * (3584 * (3584 + 2 * 512) + 3584 * 3584 + 3 * 3584 * 18944) + 152064 * 3584;
    expect(all.flopsPerStep).toBe(2 * matrices + 4 * 28 * 28 * 128 * ((129 + 4223) / 2));
    expect((await plan({ cache: 'int8' })).cacheBytesPerToken).toBe(28 * 4 * (page / 16 + 128));
  });

  it.each<[Partial<PlanOptions>, RegExp]>([
    [{ batch: NaN }, /batch must be a whole number from 1 to 1000000, not NaN/],
    [{ batch: -3 }, /batch .* -3/],
    [{ prompt: 0.5 }, /prompt .* 0\.5/],
    [{ length: 1e9 }, /length must be a whole number from 1 to 10000000, not 1000000000/],
    [{ copies: 3 as 2 }, /copies .* 3/],
    [{ gpus: 0 }, /gpus .* 0/],
    [{ deviceMemory: NaN }, /deviceMemory must be a number above 0, not NaN/],
    [{ flops: -1 }, /flops .* -1/],
  ])('refuses %j', async (options, message) => {
    await expect(plan(options)).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringMatching(message) });
  });

  it('nulls where memory and speed are not given, and the one that is given', async () => {
    expect(await plan()).toMatchObject({ largestBatch: null, tokensPerSecondBound: null });
    const { flopsPerStep, tokensPerSecondBound } = await plan({ flops: 1e12 });
    expect(tokensPerSecondBound).toBe(1 / (flopsPerStep / 1e12));
    expect((await plan({ deviceMemory: 15e9 })).largestBatch).toBe(0);
  });
});

describe('the paper’s memory table', () => {
  const policies: Record<string, PlanOptions['policy']> = {
    'Full KV': full,
    'RPC P=1024': settlePolicy('rpc', { interval: 1024, window: 32, ratio: 4 }),
    'RPC P=4096': settlePolicy('rpc', { interval: 4096, window: 32, ratio: 4 }),
  };
  const cellPlan = (cell: { model: string; method: string; length: number; batch: number }, copies: 1 | 2) =>
    plan({ model: cell.model, policy: policies[cell.method], batch: cell.batch, length: cell.length, copies, deviceMemory: 80e9 });

  it('is read from config.json what its formula was given', async () => {
    for (const { name, weightsGigabytes, cacheBytesPerToken } of benchmarkModels) {
      const { weightsBytes, cacheBytesPerToken: ours } = await plan({ model: name });
      expect(ours).toBe(cacheBytesPerToken);
      expect(weightsBytes / 1e9).toBeCloseTo(weightsGigabytes, 2);
    }
  });

  it('is reproduced with two copies: 65 of 68 cells within 0.35 GB, all within 1 but the flagged one', async () => {
    const cells = reported().memoryGrid.filter(({ gigabytes }) => gigabytes !== null);
    const errors = await Promise.all(cells.map(async (cell) => Math.abs((await cellPlan(cell, 2)).peakBytes / 1e9 - cell.gigabytes!)));
    expect(errors).toHaveLength(68);
    expect(errors.filter((error) => error <= 0.35)).toHaveLength(65);
    // QwQ-32B, P = 1024, 32,768 tokens, batch 8: the source flags it.
    expect(cells.filter((_, i) => errors[i] >= 1).map(({ model, method, length, batch }) => [model, method, length, batch])).toEqual([
      ['QwQ-32B', 'RPC P=1024', 32768, 8],
    ]);
  });

  it('runs out of memory where the paper did, and nowhere else', async () => {
    for (const cell of reported().memoryGrid) {
      const { largestBatch } = await cellPlan(cell, 2);
      expect(largestBatch! >= cell.batch, JSON.stringify(cell)).toBe(cell.gigabytes !== null);
    }
  });

  it('says what one copy needs: QwQ-32B at batch 16 and 32,768 tokens 203.5 GB, not two thirds more', async () => {
    const cell = { model: 'QwQ-32B', method: 'Full KV', length: 32768, batch: 16 };
    const two = await cellPlan(cell, 2);
    const one = await cellPlan(cell, 1);
    expect(two.oneCopyBytes).toBe(one.peakBytes);
    expect(one.peakBytes / 1e9).toBeCloseTo(203.5, 0); // the reported.json of the paper says so of one copy
    expect(two.peakBytes / 1e9).toBeGreaterThan(320);
    expect(one.largestBatch).toBeGreaterThanOrEqual(16);
  });

  it('has no formula for other policies, nor for layers that do not divide', async () => {
    await expect(plan({ policy: settlePolicy('tova', { keep: 512 }), copies: 2 })).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining('tova') });
    await expect(plan({ copies: 2, gpus: 3 })).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining('gpus 3') });
  });
});

describe('checkpoints', () => {
  const names = readdirSync(fixture('.'), { withFileTypes: true }).filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'));

  it.each(names.map(({ name }) => name))('%s has the bytes that its config.json says', async (name) => {
    let bytes = 0;
    for (const file of readdirSync(fixture(name)).filter((file) => file.endsWith('.safetensors'))) {
      const content = readFileSync(join(fixture(name), file));
      bytes += content.length - 8 - Number(content.readBigUInt64LE());
    }
    expect((await plan({ model: fixture(name) })).weightsBytes).toBe(bytes);
  });
});

describe('the engine holds what the plan says', () => {
  const model = fixture('llama-g4');
  let engine: Engine;
  beforeAll(async () => (engine = await openEngine({ model, threads: 1, cache: 'f32' })));
  afterAll(() => engine.dispose());

  const options: Record<string, Record<string, unknown>> = {
    quest: { keep: 32 }, tova: { keep: 24 }, h2o: { keep: 24 }, streaming: { keep: 24 }, snapkv: { keep: 12 }, raas: { keep: 24 },
    'snapkv-decode': { keep: 24, interval: 16 }, adakv: { keep: 12 }, 'r-kv': { keep: 24, interval: 16 },
    vase: { keep: 24, interval: 16, window: 8 }, 'lazy-eviction': { keep: 24, interval: 16 },
    rpc: { interval: 16, window: 4 }, 'rpc-shuffled': { interval: 16, window: 4 }, recency: { interval: 16, window: 4 },
    random: { interval: 16, window: 4, granularity: 'head' }, 'rpc-inverted': { interval: 16, window: 4 },
    lookahead: { interval: 16, window: 4, ahead: 8 },
  };

  it.each(policyNames.filter((name) => name !== 'adaptive'))('%s', async (name) => {
    const policy = settlePolicy(name, options[name] ?? {});
    const promptIds = Array.from({ length: 20 }, (_, i) => (7 * i + 3) % 64);
    const { cache } = await engine.generate(request({ promptIds, policy, maxTokens: 70 })).result;
    const { cacheBytes, sideBytes } = await plan({ model, policy, prompt: 20, length: 70, cache: 'f32' });
    // Of heads that share out a layer's places one may keep all; what is looked at ahead may come at a lower tooth.
    const bound = name === 'adakv' || name === 'lookahead';
    for (const [held, planned] of [[cache.peakBytes, cacheBytes], [cache.sideBytes, sideBytes]]) {
      if (bound) expect(held).toBeLessThanOrEqual(planned);
      else expect(held).toBe(planned);
    }
  });

  it.each(['int8', 'int4'] as const)('full in %s, bytes read too', async (cache) => {
    const small = await openEngine({ model, threads: 1, cache });
    for (const [prompt, length] of [[20, 70], [16, 1], [17, 48], [1, 2]]) {
      const promptIds = Array.from({ length: prompt }, (_, i) => (7 * i + 3) % 64);
      const result = await small.generate(request({ promptIds, policy: full, maxTokens: length })).result;
      const { cacheBytes, sideBytes, bytesPerStep } = await plan({ model, policy: full, prompt, length, cache });
      expect(result.cache.peakBytes).toBe(cacheBytes);
      expect(result.cache.sideBytes).toBe(sideBytes);
      if (length === 1) continue;
      const wide = await plan({ model, policy: full, prompt: 1, length: 2, cache: 'f32' }); // two entries are read
      expect(bytesPerStep - result.cache.readBytes / (length - 1)).toBeCloseTo(wide.bytesPerStep - 2 * wide.cacheBytesPerToken, 6);
    }
    small.dispose();
  });

  it('rpc with a set for every query head: at most', async () => {
    const policy = settlePolicy('rpc', { interval: 16, window: 4, aggregation: 'head' });
    const { cache } = await engine.generate(request({ policy, maxTokens: 70 })).result;
    const { cacheBytes, sideBytes } = await plan({ model, policy, prompt: 5, length: 70, cache: 'f32' });
    expect(cache.peakBytes).toBeLessThanOrEqual(cacheBytes);
    expect(cache.sideBytes).toBeLessThanOrEqual(sideBytes);
  });
});

describe('what it refuses', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pathpress-plan-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const withConfig = (edit: object) => {
    const config = JSON.parse(readFileSync(join(fixture('qwen3-g2'), 'config.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...edit }));
    return folder;
  };

  it.each<[string, () => Partial<PlanOptions>, string, string]>([
    ['a model that is not there', () => ({ model: 'QwQ-33B' }), 'BAD_FILE', 'QwQ-32B'],
    ['a name of Object', () => ({ model: 'constructor' }), 'BAD_FILE', 'constructor'],
    ['an unknown family', () => ({ model: withConfig({ model_type: 'mamba' }) }), 'UNKNOWN_FAMILY', 'mamba'],
    ['an unknown type', () => ({ model: withConfig({ torch_dtype: 'int3' }) }), 'BAD_CONFIG', 'int3'],
    ['no layers', () => ({ model: withConfig({ num_hidden_layers: 0 }) }), 'BAD_CONFIG', 'num_hidden_layers'],
    ['a policy whose intervals are measured', () => ({ policy: settlePolicy('adaptive') }), 'BAD_OPTION', 'adaptive'],
    ['pages that share scales, with entries leaving them', () => ({ cache: 'int4', policy: settlePolicy('rpc') }), 'BAD_OPTION', 'int4: policy rpc'],
    ['pages in codes, chosen by their keys', () => ({ cache: 'int8', policy: settlePolicy('quest', { keep: 64 }) }), 'BAD_OPTION', 'int8: policy quest'],
    ['a cap without room', () => ({ policy: settlePolicy('tova', { keep: 8, pinPrompt: true }) }), 'BAD_OPTION', 'keep 8'],
  ])('%s', async (_, options, code, named) => {
    await expect(plan(options())).rejects.toMatchObject({ code, message: expect.stringContaining(named) });
  });
});
