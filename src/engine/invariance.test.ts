/**
 * A sequence's tokens do not depend on who shares its batch, on threads, on the chunks of its prompt, or on when it joins: bit
 * for bit. native/test/invariance_test.cc compares logits too, over random crowds of every policy.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openEngine } from './engine.js';
import { drawn, fixture, full, random, request, rpc } from './testing.js';
import type { Engine, GenerateRequest, GenerateResult } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const model = fixture('llama-g7');
const engines: Engine[] = [];
beforeAll(async () => {
  for (const [i, threads] of [1, 2, 3].entries()) engines.push(await openEngine({ model, threads, prefillRows: [1000, 128, 7][i] }));
});
afterAll(() => engines.forEach((engine) => engine.dispose()));

const policies = { full, rpc: rpc(), 'rpc by head': rpc({ aggregation: 'head' }), random: random({ draw: 'redraw' }) };

/** Twelve requests of different prompts, lengths and random streams. */
const requests = (policy: GenerateRequest['policy']): GenerateRequest[] =>
  Array.from({ length: 12 }, (_, i) =>
    request({
      policy,
      promptIds: Array.from({ length: 1 + ((i * 37) % 150) }, (_, k) => (i * 31 + k * 7) % 64),
      sampling: drawn,
      maxTokens: 30 + ((i * 17) % 50),
      stream: [i, 3],
      trace: true,
    }),
  );

/** All but the clock. */
const facts = ({ seconds: _, ...rest }: GenerateResult): unknown => rest;

describe.each(Object.entries(policies))('%s', (_, policy) => {
  it('is the same alone and in batches of 1, 3 and 12, on 1, 2 and 3 threads, prompts whole and in chunks', async () => {
    const alone = [];
    for (const one of requests(policy)) alone.push(facts(await engines[0].generate(one).result));
    for (const engine of engines) {
      for (const batch of [1, 3, 12]) {
        expect((await engine.generateMany(requests(policy), { batch })).map(facts)).toEqual(alone);
      }
    }
  });

  it('is the same beside strangers', async () => {
    const [one] = requests(policy);
    const strangers = engines[1].generateMany(requests(full), { batch: 7 });
    const result = await engines[1].generate(one).result;
    expect(facts(result)).toEqual(facts(await engines[0].generate(one).result));
    await strangers;
  });
});

it('other seeds and streams give other tokens', async () => {
  const ids = async (seed: number, stream: [number, number]): Promise<number[]> =>
    (await engines[0].generate(request({ sampling: { ...drawn, seed }, stream })).result).ids;
  const base = await ids(1, [0, 0]);
  expect(await ids(1, [0, 0])).toEqual(base);
  for (const other of [await ids(2, [0, 0]), await ids(1, [1, 0]), await ids(1, [0, 1])]) expect(other).not.toEqual(base);
});

it('prefill and decode compute the same logits: greedy ids agree with the argmax of teacher-forced logits', async () => {
  const { ids } = await engines[1].generate(request({ maxTokens: 60 })).result;
  const prompt = Array.from(request().promptIds);
  const logits = await engines[1].logits([...prompt, ...ids]);
  const vocab = engines[1].info.vocabSize;
  ids.forEach((id, i) => {
    const row = logits.subarray((prompt.length - 1 + i) * vocab, (prompt.length + i) * vocab);
    expect(row.indexOf(Math.max(...row))).toBe(id);
  });
});

it('a 16-bit cache halves the bytes and is the same on any batch', async () => {
  const engine = await openEngine({ model, cache: 'bf16', threads: 2 });
  const results = await engine.generateMany(requests(full), { batch: 5 });
  const again = await engine.generateMany(requests(full), { batch: 12 });
  expect(again.map(facts)).toEqual(results.map(facts));
  const wide = await engines[0].generate(requests(full)[0]).result;
  expect(results[0].cache.readBytes).toBe(wide.cache.readBytes / 2);
  engine.dispose();
});
