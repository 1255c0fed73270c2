/** Scores from a function: the same tokens as the policy that scores so, every wrong answer named, nothing left hanging. */
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { recordedPolicy, type Candidates, type Scorer } from '../policies/scorer.js';
import { openEngine } from './engine.js';
import { firstLayer } from './first-layer.js';
import { drawn, fixture, recency, request, rpc } from './testing.js';
import type { Engine, GenerateRequest, GenerateResult } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const folder = fixture('llama-g4');
const open = (options: object = {}) => openEngine({ model: folder, threads: 2, cache: 'f32', ...options });
let engine: Engine;
beforeAll(async () => void (engine = await open()));
afterAll(() => engine.dispose());

const asked = (options: Partial<GenerateRequest>): GenerateRequest => request({ sampling: drawn, maxTokens: 90, trace: true, ...options });
const run = (options: Partial<GenerateRequest>): Promise<GenerateResult> => engine.generate(asked(options)).result;
const facts = ({ seconds: _, cache: { sideBytes: _side, ...cache }, ...rest }: GenerateResult) => ({ cache, ...rest });
const votes: Scorer = (candidates) => candidates.votes;
const latest: Scorer = ({ positions }) => Float32Array.from(positions);

describe('a score of one’s own', () => {
  it.each([
    {}, { aggregation: 'group' }, { pooling: 'none', kernel: 1 }, { pinPrompt: false }, { budget: 'cap', keep: 24, ratio: undefined }, { preset: 'reference' }, { ratio: 1 },
  ] as const)('that gives the votes back is rpc, bit for bit: %o', async (options) => {
    const plain = facts(await run({ policy: rpc(options) }));
    expect(facts(await run({ policy: rpc({ ...options, score: votes }) }))).toEqual(plain);
    expect(facts(await run({ policy: rpc({ ...options, score: votes, scoreKeys: true }), onTokens: () => undefined }))).toEqual(plain);
  });

  it.each([19, 20, 21, 36, 37, 52])('ends as rpc does at %i tokens, with the last compression', async (maxTokens) => {
    const plain = facts(await run({ policy: rpc(), maxTokens }));
    expect(facts(await run({ policy: rpc({ score: votes }), maxTokens }))).toEqual(plain);
    for (const stop of new Set(plain.ids.slice(-3)))
      expect(facts(await run({ policy: rpc({ score: votes }), maxTokens, stopIds: [stop] }))).toEqual(facts(await run({ policy: rpc(), maxTokens, stopIds: [stop] })));
  });

  it('stopped by whoever hears the tokens, it makes the compression of its last token as rpc does', async () => {
    const stopping = (options: object) => {
      let heard = 0;
      return run({ policy: rpc(options), onTokens: () => ++heard >= 21 }); // drawn from what the compression at 20 leaves
    };
    const plain = facts(await stopping({}));
    expect(plain).toMatchObject({ finish: 'stop', compressions: [{ generated: 20 }] });
    for (let time = 0; time < 40; time++) expect(facts(await stopping({ score: votes }))).toEqual(plain);
  });

  it('that gives positions is recency', async () => {
    expect(facts(await run({ policy: rpc({ score: latest }) }))).toEqual(facts(await run({ policy: recency() })));
  });

  it('is the same in a batch, on any number of threads, in a pool too small for all, beside others', async () => {
    const requests = Array.from({ length: 9 }, (_, i) =>
      asked({ policy: i % 3 ? rpc({ score: i % 3 === 1 ? votes : latest }) : rpc(), stream: [i, 0], maxTokens: 60 + 3 * i }),
    );
    const plain = requests.map(({ policy, ...rest }, i) => ({ ...rest, policy: i % 3 === 2 ? recency() : rpc() }));
    const alone = [];
    for (const one of plain) alone.push(facts(await engine.generate(one).result));
    for (const place of [await open({ threads: 1 }), await open({ threads: 3 }), await open({ cacheLimit: 30_000 })]) {
      expect((await place.generateMany(requests, { batch: 6 })).map(facts)).toEqual(alone);
      place.dispose();
    }
  });

  it('sees what it is said to see', async () => {
    const seen: Candidates[] = [];
    const score: Scorer = (candidates, layer) => {
      expect(layer).toBe(candidates.layer);
      seen.push(structuredClone(candidates));
      return candidates.votes.fill(0); // its own, to write into
    };
    const promptIds = [5, 9, 3, 7, 11];
    const { ids } = await run({ promptIds, policy: rpc({ score, scoreKeys: true, pinPrompt: false }), maxTokens: 45 });
    expect(seen.map(({ generated, layer, head, stay }) => [generated, layer, head, stay])).toEqual(
      [[20, 0], [20, 1], [36, 0], [36, 1]].map(([at, layer]) => [at, layer, null, at === 20 ? 9 : 13]), // prettier-ignore
    );
    const tokens = [...promptIds, ...ids];
    const [first, , second] = seen;
    expect(Array.from(first.positions)).toEqual(Array.from({ length: 21 }, (_, i) => i));
    expect(Array.from(second.positions.slice(0, 10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 21]); // the earliest of equals stayed
    for (const { ids: own, positions } of seen) expect(Array.from(own)).toEqual(Array.from(positions, (p) => tokens[p]));
    const logits = await engine.logits(tokens.slice(0, 20)); // before anything left
    const vocab = engine.info.vocabSize;
    first.entropies.forEach((entropy, p) => {
      if (p < 5) return expect(entropy).toBeNaN();
      const row = Array.from(logits.subarray((p - 1) * vocab, p * vocab), Math.exp);
      const total = row.reduce((a, b) => a + b);
      expect(entropy).toBeCloseTo(row.reduce((sum, x) => sum - (x / total) * Math.log2(x / total), 0), 4);
    });
    const { keyHeads, keySize, keys } = first;
    expect([keyHeads, keySize, keys!.length]).toEqual([2, 4, 2 * 21 * 4]);
    for (const [head, at] of [[0, 0], [0, 20], [1, 7]]) {
      const own = Array.from(keys!.subarray((head * 21 + at) * 4, (head * 21 + at + 1) * 4));
      firstLayer(folder).rotated('k', tokens[at], at, head).forEach((x, i) => expect(own[i]).toBeCloseTo(x, 4)); // prettier-ignore
    }
  });
});

describe('a wrong score', () => {
  const wrong: [string, unknown, string][] = [
    ['throws', () => { throw new RangeError('on purpose'); }, 'the score threw RangeError: on purpose'], // prettier-ignore
    ['is too short', () => new Float32Array(3), 'gave 3 numbers for 16 candidates'],
    ['is no array', () => 1, 'gave 1, not a Float32Array'],
    ['is of doubles', () => new Float64Array(16), 'gave Float64Array, not a Float32Array'],
    ['is missing', () => undefined, 'gave undefined, not a Float32Array'],
    ['is late', async () => new Float32Array(16), 'gave a promise'],
    ['is NaN', ({ votes: own }: Candidates) => own.fill(NaN, 2), 'of candidate 2 is NaN'],
  ];
  it.each(wrong)('that %s ends its run by name, and the engine goes on', async (_, score, message) => {
    const policy = rpc({ score: score as Scorer });
    const expected = { name: 'PathPressError', code: 'BAD_SCORER', exitStatus: 2, message: expect.stringMatching(/^request 0, compression at token 20, layer 0: /) };
    await expect(run({ policy })).rejects.toMatchObject(expected);
    await expect(run({ policy })).rejects.toThrow(message);
    await expect(engine.generateMany([asked({ policy: rpc() }), asked({ policy })])).rejects.toThrow('request 1, compression at token 20');
    const heard: number[] = [];
    await expect((async () => { for await (const id of engine.generate(asked({ policy }))) heard.push(id); })()).rejects.toMatchObject({ code: 'BAD_SCORER' }); // prettier-ignore
    expect((await run({ policy: rpc() })).ids.slice(0, heard.length)).toEqual(heard);
  });

  it('is no score of another policy, and none of query heads', () => {
    expect(() => engine.generate(asked({ policy: { ...recency(), score: votes } as never }))).toThrow('policy recency does not use it');
    expect(() => engine.generate(asked({ policy: rpc({ aggregation: 'head', score: votes }) }))).toThrow('aggregation head');
    expect(() => engine.generate(asked({ policy: rpc({ score: 3 as never }) }))).toThrow('score 3: must be a function');
    expect(() => engine.generate(asked({ policy: rpc({ scoreKeys: true }) }))).toThrow('scoreKeys true: means something with a score only');
  });

  it('is told apart in records', () => {
    const recorded = recordedPolicy(rpc({ score: votes })) as unknown as { score: object };
    expect(recorded.score).toEqual({ function: 'votes', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(recordedPolicy(rpc({ score: latest }))).not.toEqual(recorded);
    expect(recordedPolicy(rpc())).toEqual(rpc());
  });
});

describe('a request that cannot go on', () => {
  it('leaves the others of its run their scores', async () => {
    const own = await open({ cacheLimit: 30_000 });
    const ended: number[] = [];
    const all = [
      asked({ promptIds: Array.from({ length: 2000 }, (_, i) => i % 64), policy: rpc({ score: votes }) }),
      asked({ policy: rpc({ score: votes }), stream: [1, 0] }),
    ];
    const run = own.generateMany(all, { batch: 2, onResult: (i: number) => void ended.push(i) });
    await expect(run).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', message: expect.stringContaining('request 0') });
    expect(ended).toEqual([1]);
    own.dispose();
  });
});

describe('going away while a score is asked for', () => {
  it('an engine disposed of by its own scorer ends the run as aborted', async () => {
    const own = await open();
    const score: Scorer = (candidates) => (own.dispose(), candidates.votes);
    expect((await own.generate(asked({ policy: rpc({ score }), maxTokens: 1000 })).result).finish).toBe('aborted');
  });

  it('a run aborted, or stopped, by its own scorer ends', async () => {
    const abort = new AbortController();
    const score: Scorer = (candidates) => (abort.abort(), candidates.votes);
    const result = await run({ policy: rpc({ score }), maxTokens: 100_000, signal: abort.signal });
    expect([result.finish, result.compressions]).toEqual(['aborted', []]);
    const generation = engine.generate(asked({ maxTokens: 100_000, policy: rpc({ score: (candidates) => (generation.stop(), candidates.votes) }) }));
    expect((await generation.result).finish).toBe('stop');
  });

  it('an engine disposed of, a worker terminated at any moment', async () => {
    for (let i = 0; i < 6; i++) {
      const own = await open();
      const { result } = own.generate(asked({ policy: rpc({ score: votes }), maxTokens: 1_000_000 }));
      await new Promise((resolve) => setTimeout(resolve, i * 3));
      own.dispose();
      expect((await result).finish).toBe('aborted');
    }
    const code = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { openEngine } = await import(workerData.module);
      const engine = await openEngine({ model: workerData.folder, threads: 1, cache: 'f32' });
      let calls = 0;
      const score = ({ votes }) => (calls++ === 3 && parentPort.postMessage('asking'), votes);
      await engine.generate({ ...workerData.request, policy: { ...workerData.request.policy, score } }).result;`;
    for (let i = 0; i < 4; i++) {
      const workerData = { folder, module: new URL('../../dist/index.js', import.meta.url).href, request: { ...request({ maxTokens: 1_000_000 }), policy: rpc() } };
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await new Promise((resolve) => setTimeout(resolve, i));
      await worker.terminate();
    }
  });
});
