/** Streaming, stopping, aborting and disposing; src/soak goes on with random moments and with workers that leave. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NativeBatch, NativeEngine } from './binding.js';
import { openEngine } from './engine.js';
import { Run } from './run.js';
import { fixture, request, rpc } from './testing.js';
import type { Engine, GenerateRequest } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const model = fixture('llama-g4');
const endless = request({ maxTokens: 1e6, policy: rpc() });
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ model, threads: 2 });
});
afterAll(() => engine.dispose());

describe('a batch that is not the last', () => {
  it('with an error, since events are lost, aborts the run', async () => {
    let tell!: (batch: NativeBatch) => void;
    const abort = vi.fn();
    const native = { start: (_run, _requests, _batch, callback) => void (tell = callback), abort } as Partial<NativeEngine>;
    const run = new Run(native as NativeEngine, [], 1, 0, { onResult: () => undefined });
    const batch = { tokens: new Int32Array(), results: [], questions: [], failures: [] };
    tell({ ...batch, done: false, error: Object.assign(new Error('lost'), { code: 'OUT_OF_MEMORY' }) });
    expect(abort).toHaveBeenCalledWith(run.id);
    tell({ ...batch, done: true });
    await expect(run.done).rejects.toMatchObject({ name: 'PathPressError', code: 'OUT_OF_MEMORY', message: 'lost' });
  });
});

describe('streaming', () => {
  it('iterates the ids of the result, in order', async () => {
    const generation = engine.generate(request({ maxTokens: 300 }));
    const seen: number[] = [];
    for await (const id of generation) seen.push(id);
    const { ids, finish } = await generation.result;
    expect(seen).toEqual(ids);
    expect(ids).toHaveLength(300);
    expect(finish).toBe('length');
  });

  it('leaving the loop stops the generation', async () => {
    const generation = engine.generate(endless);
    let count = 0;
    for await (const _ of generation) if (++count === 5) break;
    const { finish, ids } = await generation.result;
    expect(finish).toBe('stop');
    expect(ids.length).toBeGreaterThanOrEqual(5);
  });

  it('onTokens stops at exactly the id it says, cache and compressions included', async () => {
    const seen: number[] = [];
    const onTokens = (ids: number[]): boolean => seen.push(...ids) >= 30;
    const { ids, finish, compressions, cache } = await engine.generate({ ...endless, onTokens }).result;
    expect(finish).toBe('stop');
    expect(ids).toEqual(seen);
    expect(ids).toHaveLength(30);
    const whole = await engine.generate({ ...endless, maxTokens: 30 }).result;
    expect({ ids, compressions, cache }).toEqual({ ids: whole.ids, compressions: whole.compressions, cache: whole.cache });
  });

  it('onTokens stops at the last permitted id too', async () => {
    const last = (count: number) => {
      let seen = 0;
      return request({ maxTokens: 30, onTokens: () => ++seen === count });
    };
    expect(await engine.generate(last(30)).result).toMatchObject({ finish: 'stop', generatedTokens: 30 });
    expect(await engine.generate(last(31)).result).toMatchObject({ finish: 'length', generatedTokens: 30 });
    const many = await engine.generateMany([last(31), last(30), last(12)], { batch: 3 });
    expect(many.map(({ finish, generatedTokens }) => [finish, generatedTokens])).toEqual([['length', 30], ['stop', 30], ['stop', 12]]);
  });

  it('a throwing onTokens rejects the result with what it threw', async () => {
    const onTokens = (): void => {
      throw new Error('from the callback');
    };
    await expect(engine.generate({ ...endless, onTokens }).result).rejects.toThrow('from the callback');
  });
});

it('two that ask for tokens at once are both answered, and after leaving there are none', async () => {
  const generation = engine.generate(request({ maxTokens: 3 }));
  const tokens = generation[Symbol.asyncIterator]();
  const answers = await Promise.all(Array.from({ length: 5 }, () => tokens.next()));
  const { ids } = await generation.result;
  expect(answers.map(({ value }) => value as unknown)).toEqual([...ids, undefined, undefined]);
  const left = engine.generate(request({ maxTokens: 400 }));
  for await (const id of left) if (id >= 0) break;
  await left.result;
  expect(await left[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
});

it('stop before it began is a stop, an abort an abort', async () => {
  for (let time = 0; time < 20; time++) {
    const stopped = engine.generate(endless);
    stopped.stop();
    expect(await stopped.result).toMatchObject({ finish: 'stop' });
  }
  expect(await engine.generate(request({ maxTokens: 120, signal: AbortSignal.abort() })).result).toMatchObject({ finish: 'aborted', ids: [] });
});

it('what a request says is read once, and one that disposes of the engine is refused', async () => {
  const short = await openEngine({ model: fixture('llama-g4'), threads: 1 });
  const policy = { name: 'full', get keep() { short.dispose(); return undefined; } } as unknown as GenerateRequest['policy'];
  expect(() => short.generate(request({ policy }))).toThrow(/disposed/);
  let reads = 0;
  const sampling = { temperature: 0, topP: 1, topK: 0, minP: 0, get seed() { return reads++ ? -5 : 7; } };
  expect((await engine.generate(request({ sampling, maxTokens: 2 })).result).ids).toHaveLength(2);
  expect(reads).toBe(1);
});

it('an onTokens that gives a promise ends the run with a word', async () => {
  const onTokens = (async () => Promise.reject(new Error('nobody hears this'))) as unknown as GenerateRequest['onTokens'];
  await expect(engine.generate(request({ onTokens })).result).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining('async') });
});

it('stop ids end it and are left out', async () => {
  const { ids } = await engine.generate(request()).result;
  const stop = ids[10];
  const result = await engine.generate(request({ stopIds: [stop] })).result;
  expect(result.finish).toBe('stop');
  expect(result.ids).toEqual(ids.slice(0, ids.indexOf(stop)));
  expect(result.generatedTokens).toBe(result.ids.length);
});

describe('abort', () => {
  it('resolves with what was generated', async () => {
    const controller = new AbortController();
    let count = 0;
    const generation = engine.generate({ ...endless, signal: controller.signal });
    for await (const _ of generation) if (++count === 20) controller.abort();
    const { finish, ids } = await generation.result;
    expect(finish).toBe('aborted');
    expect(ids.length).toBeGreaterThanOrEqual(20);
  });

  it('before the start gives nothing', async () => {
    const { finish } = await engine.generate({ ...endless, signal: AbortSignal.abort() }).result;
    expect(finish).toBe('aborted');
  });

  it('of a batch ends every request, of one request only that one', async () => {
    const controller = new AbortController();
    const own = new AbortController();
    let ended = 0;
    const requests = [{ ...endless, signal: own.signal }, request({ maxTokens: 3 }), endless, endless];
    const results = await engine.generateMany(requests, {
      batch: 3,
      signal: controller.signal,
      onResult: () => {
        if (++ended === 1) own.abort();
        if (ended === 2) controller.abort();
      },
    });
    expect(results.map(({ finish }) => finish)).toEqual(['aborted', 'length', 'aborted', 'aborted']);
  });

  it('at random moments, many times over', async () => {
    for (let i = 0; i < 100; i++) {
      const controller = new AbortController();
      const pending = engine.generateMany([endless, endless, endless], { batch: 2, signal: controller.signal });
      await new Promise((resolve) => (i % 3 === 0 ? setImmediate(resolve) : setTimeout(resolve, i % 4)));
      controller.abort();
      for (const { finish } of await pending) expect(finish).toBe('aborted');
    }
  });
});

describe('generateMany', () => {
  it('hands each result out as it ends, and all in order', async () => {
    const lengths = [40, 3, 25, 1, 60, 2];
    const order: number[] = [];
    const results = await engine.generateMany(lengths.map((maxTokens) => request({ maxTokens })), {
      batch: 2,
      onResult: async (index) => void order.push(index),
    });
    expect(results.map(({ generatedTokens }) => generatedTokens)).toEqual(lengths);
    expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(order[0]).toBe(1);
  });

  it('rejects with what onResult threw, and goes on working', async () => {
    const onResult = async (): Promise<void> => {
      throw new Error('disk full');
    };
    await expect(engine.generateMany([request(), endless], { onResult })).rejects.toThrow('disk full');
    expect(await engine.generateMany([])).toEqual([]);
  });
});

describe('dispose', () => {
  it('stops live runs, twice is fine, and then refuses', async () => {
    const other = await openEngine({ model, threads: 2 });
    const generation = other.generate(endless);
    await generation[Symbol.asyncIterator]().next();
    other.dispose();
    other.dispose();
    expect((await generation.result).finish).toBe('aborted');
    expect(() => other.generate(endless)).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
    await expect(other.logits([1])).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  it('does not wait for logits that were asked for', async () => {
    const other = await openEngine({ model, threads: 2 });
    const pending = other.logits(new Int32Array(50_000));
    other.dispose();
    await expect(pending).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

describe('a pool too small', () => {
  it('fails the request that it cannot hold, after the others are done', async () => {
    const small = await openEngine({ model, threads: 2, cacheLimit: 20000 });
    const requests = [request({ maxTokens: 30 }), request({ maxTokens: 1e5 }), request({ maxTokens: 20 })];
    const results = new Map<number, number[]>();
    const pending = small.generateMany(requests, { onResult: (index, { ids }) => void results.set(index, ids) });
    await expect(pending).rejects.toMatchObject({
      name: 'PathPressError',
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/^request 1, token \d+: .* need \d+ bytes, at hand are \d+ of \d+/),
    });
    const alone = await engine.generateMany([requests[0], requests[2]], { batch: 1 });
    expect([results.get(0), results.get(2)]).toEqual(alone.map(({ ids }) => ids));
    expect(results.size).toBe(2);
    small.dispose();
  });

  it('fails a run, not the engine', async () => {
    const small = await openEngine({ model, threads: 1, cacheLimit: 20000 });
    await expect(small.generate(request({ maxTokens: 100000 })).result).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect((await small.generate(request({ maxTokens: 5 })).result).ids).toHaveLength(5);
    small.dispose();
  });
});
