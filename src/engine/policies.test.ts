/** What holds for every policy of the registry, on the engine: a row there buys these tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { closedForm } from '../policies/closed-form.js';
import { policyNames } from '../policies/policies.js';
import type { Policy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { openEngine } from './engine.js';
import { writeSyntheticCheckpoint } from './synthetic.js';
import { drawn, fixture, full, request } from './testing.js';
import type { Engine, GenerateResult } from './types.js';

vi.setConfig({ testTimeout: 120_000 }); // a machine may be busy with other things

const tokens = 70;
const model = fixture('llama-g4');
const engines: Engine[] = [];
beforeAll(async () => {
  for (const threads of [1, 3]) engines.push(await openEngine({ model, threads, cache: 'f32' }));
});
afterAll(() => engines.forEach((engine) => engine.dispose()));

/** The options that the policy takes of these, as the refusals of one at a time tell. */
function settled(name: string, given: Record<string, unknown>): Policy | null {
  try {
    return settlePolicy(name, given);
  } catch (error) {
    const [option] = (error as Error).message.split(' ', 1);
    if (!['interval', 'window', 'sinks', 'budget', 'keep', 'ratio'].includes(option) || !(option in given)) return null;
    const { [option]: _, ...rest } = given;
    return settled(name, rest);
  }
}

const small = { interval: 8, window: 4, sinks: 2 };
const variants = policyNames.flatMap((name) => {
  const list = [true, false].flatMap((pinPrompt) => [
    settled(name, { ...small, budget: 'cap', keep: 24, pinPrompt }),
    settled(name, { ...small, budget: 'ratio', ratio: 3, pinPrompt }),
    ...['layer', 'group'].map((aggregation) => settled(name, { ...small, budget: 'cap', keep: 24, pinPrompt, aggregation })),
  ]);
  const known = [settled(name, { ...small, budget: 'cap', keep: 24 }), ...list].filter((policy) => policy !== null);
  return [...new Set(known.map((policy) => JSON.stringify(policy)))].map((text) => JSON.parse(text) as Policy);
});

const evictsOnce = (policy: Policy): boolean => policy.name === 'snapkv' || policy.name === 'adakv';
const prompt = (policy: Policy): number[] => Array.from({ length: evictsOnce(policy) ? 50 : 10 }, (_, i) => (i * 13 + 5) % 64);
const run = (policy: Policy, engine = engines[0]): Promise<GenerateResult> =>
  engine.generate(request({ promptIds: prompt(policy), policy, sampling: drawn, maxTokens: tokens, trace: true })).result;

it('has a variant of every policy', () => {
  expect(new Set(variants.map(({ name }) => name))).toEqual(new Set(policyNames));
});

// When `adaptive` compresses is no closed form: adaptive.test.ts.
describe.each(variants.filter(({ name }) => name !== 'adaptive').map((policy) => [JSON.stringify(policy), policy] as const))('%s', (_, policy) => {
  it('holds what the closed form says', async () => {
    const result = await run(policy);
    const form = closedForm(policy, prompt(policy).length, tokens);
    if (result.evictions) {
      const at = form.compressions.map(({ generated }) => generated);
      expect(result.evictions).toEqual({ count: at.length, first: at[0] ?? null, last: at.at(-1) ?? null });
      expect(result.compressions).toEqual([]);
    } else {
      expect(result.compressions).toEqual(form.compressions);
    }
    expect(result.cache.finalEntries).toBe(form.final);
    expect(result.cache.peakEntries).toBe(form.peak);
    expect(result.cache.meanEntries).toBeCloseTo(form.mean, 9);
  });

  it('keeps what is pinned, in order', async () => {
    const { trace = [] } = await run(policy);
    const last = new Map<string, number[]>();
    for (const { generated, layer, head, positions } of trace) {
      const kept = Array.from(positions);
      expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
      const promptPinned = 'pinPrompt' in policy && policy.pinPrompt ? prompt(policy).length : 0;
      const pinned = Math.max(promptPinned, 'sinks' in policy ? policy.sinks : 0);
      expect(kept.slice(0, pinned)).toEqual(Array.from({ length: pinned }, (_unused, i) => i));
      const before = last.get(`${layer} ${head}`);
      const born = prompt(policy).length + (before ? before[0] : -1);
      for (const position of kept) expect(!before || before.includes(position, 1) || position >= born).toBe(true);
      last.set(`${layer} ${head}`, [generated, ...kept]);
    }
  });
});

describe.each(policyNames)('%s', (name) => {
  it('with a cap above the length is the full cache, bit for bit', async () => {
    const policy = settled(name, { ...small, budget: 'cap', keep: 4096 })!;
    const own = await run(policy);
    const whole = await engines[0].generate(
      request({ promptIds: prompt(policy), policy: full, sampling: drawn, maxTokens: tokens }),
    ).result;
    expect(own.ids).toEqual(whole.ids);
    expect(own.cache.peakBytes).toBe(whole.cache.peakBytes);
    expect(own.cache.readBytes).toBe(whole.cache.readBytes);
  });

  it('gives the same tokens alone, in a batch and on three threads', async () => {
    const policy = settled(name, { ...small, budget: 'cap', keep: 24, pinPrompt: false }) ?? settled(name, { keep: 24 })!;
    const requests = Array.from({ length: 6 }, (_, i) =>
      request({
        policy,
        promptIds: Array.from({ length: 1 + ((i * 37) % 150) }, (_unused, k) => (i * 31 + k * 7) % 64),
        sampling: drawn,
        maxTokens: 30 + ((i * 17) % 40),
        stream: [i, 3],
        trace: true,
      }),
    );
    const facts = ({ seconds: _, ...rest }: GenerateResult): unknown => rest;
    const alone = [];
    for (const one of requests) alone.push(facts(await engines[0].generate(one).result));
    for (const engine of engines) expect((await engine.generateMany(requests, { batch: 6 })).map(facts)).toEqual(alone);
  });
});

describe('bytes', () => {
  it('heads of uneven length give blocks back one by one', async () => {
    const policy = settlePolicy('adakv', { keep: 40, window: 4, floor: 0 });
    const { cache } = await engines[0].generate(
      request({ promptIds: Array.from({ length: 400 }, (_, i) => (i * 29 + 3) % 64), policy, maxTokens: 60 }),
    ).result;
    expect(cache.minEntries).toBeLessThan(cache.maxEntries!);
    expect(cache.finalEntries).toBe(40 + 59);
    // 2 layers, 2 key-value heads, pages of 16 entries of 2·4 floats: at most a page of each head is held in vain.
    const page = 16 * 2 * 4 * 4;
    expect(cache.meanBytes).toBeLessThanOrEqual((40 + 30 + 16) * 2 * 2 * (page / 16));
  });

  it('quest holds everything, and reads two dense layers, the chosen pages of the others and the bounds of all', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pathpress-quest-'));
    writeSyntheticCheckpoint(folder, { hidden: 32, layers: 4, heads: 4, kvHeads: 2, intermediate: 48, vocab: 64 });
    const engine = await openEngine({ model: folder, threads: 1, cache: 'f32' });
    const read = (policy: Policy): Promise<GenerateResult> => engine.generate(request({ policy, maxTokens: 90 })).result;
    const { cache } = await read(settlePolicy('quest', { keep: 32 }));
    const whole = await read(full);
    expect(cache.peakBytes).toBe(whole.cache.peakBytes);
    expect(cache.finalEntries).toBe(5 + 89);
    let bytes = 0;
    for (let entries = 6; entries <= 5 + 89; entries++) {
      const pages = Math.ceil(entries / 16);
      const spared = Math.max(0, pages - 2) * 16;
      const bounds = pages > 2 ? (pages - 1) * 2 * 8 * 4 : 0; // least and largest of 8 channels
      bytes += 2 * (2 * entries + 2 * (entries - spared)) * (2 * 8 * 4) + 2 * 2 * bounds;
    }
    expect(cache.readBytes).toBe(bytes);
    expect(cache.readBytes).toBeLessThan(whole.cache.readBytes);
    expect(cache.sideBytes).toBe(2 * 2 * Math.ceil(94 / 16) * 2 * 8 * 4);
    engine.dispose();
    rmSync(folder, { recursive: true });
  });
});

// In a model of one layer keys and values depend on a token and its position alone: an evicted cache whose keys are
// rotated by place is the cache of a sequence that never held the others.
it('streaming goes on as if the evicted had never been', async () => {
  const engine = await openEngine({ model: fixture('llama-odd'), threads: 1, cache: 'f32' });
  const promptIds = [5, 9, 3, 7, 11, 2];
  const policy = settlePolicy('streaming', { keep: 12, sinks: 3 });
  const { ids } = await engine.generate(request({ promptIds, policy, maxTokens: 50 })).result;
  let compared = 0;
  for (let t = 1; t < ids.length; t++) {
    const all = [...promptIds, ...ids.slice(0, t)];
    const seen = all.length <= 13 ? all : [...all.slice(0, 3), ...all.slice(-10)];
    const row = (await engine.logits(seen)).slice(-engine.info.vocabSize).sort();
    const best = (await engine.logits(seen)).slice(-engine.info.vocabSize);
    if (row.at(-1)! - row.at(-2)! < 1e-4) continue;
    expect(best.indexOf(row.at(-1)!)).toBe(ids[t]);
    compared += 1;
  }
  expect(compared).toBeGreaterThan(40);
  engine.dispose();
});
