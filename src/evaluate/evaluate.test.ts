import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PathPressError } from '../engine/errors.js';
import type { Engine, GenerateRequest, GenerateResult } from '../engine/types.js';
import type { Policy } from '../policies/policy.js';
import type { Task } from '../tasks/task.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { evaluate, type EvaluateOptions } from './evaluate.js';
import { readRecords } from './records-file.js';

/** An engine whose answer depends on (seed, problem, sample) alone, and whose sequences end in an order of their own. */
class PretendEngine {
  readonly info;

  constructor(simd = 'avx2') {
    this.info = { weightsHash: 'abc', eosIds: [1], weightsType: 'f32', device: 'cpu', simd };
  }

  asked: string[] = [];

  async generateMany(
    requests: GenerateRequest[],
    options: Parameters<Engine['generateMany']>[1] = {},
  ): Promise<GenerateResult[]> {
    this.asked.push(...requests.map(({ stream }) => stream!.join(' ')));
    const batch = options.batch ?? 1;
    const results: GenerateResult[] = [];
    for (let start = 0; start < requests.length; start += batch) {
      const order = requests.slice(start, start + batch).map((_, i) => start + i);
      for (const index of order.reverse()) {
        results[index] = options.signal?.aborted
          ? { ...this.#run(requests[index]), finish: 'aborted' }
          : this.#run(requests[index]);
        await options.onResult?.(index, results[index]);
      }
    }
    return results;
  }

  #run({ stream, sampling, promptIds }: GenerateRequest): GenerateResult {
    const [problem, sample] = stream!;
    const right = (problem * 7 + sample * 3 + sampling.seed) % 4 !== 0;
    const ids = right ? [problem] : [problem + 1, 3];
    return {
      ids,
      finish: right ? 'stop' : 'length',
      promptTokens: promptIds.length,
      generatedTokens: ids.length,
      compressions: [{ generated: 1, before: 9, after: 5 }],
      cache: {
        finalEntries: 6,
        peakEntries: 9 + problem,
        meanEntries: 7,
        peakBytes: 72,
        meanBytes: 56,
        sideBytes: 8,
        readBytes: 100,
      },
      seconds: { load: 1, prefill: Math.random(), decode: Math.random(), compress: 0 },
    };
  }
}

const tokenizer = {
  encode: (text: string) => [...text].map((c) => c.charCodeAt(0)),
  decode: (ids: ArrayLike<number>) => Array.from(ids).join(' '),
} as Tokenizer;

const task = {
  name: 'echo',
  version: 3,
  problem: (split, index) => ({ index, split, prompt: `${split} ${index}`, answer: String(index) }),
  grade: ({ answer }, output) => ({ correct: output === answer, answer: output }),
} as Task;

const policy: Policy = { name: 'recency', interval: 16, window: 4, ratio: 4, budget: 'ratio', pinPrompt: true };

let folder: string;
let out: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pathpress-evaluate-'));
  out = join(folder, 'records.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(options: Partial<EvaluateOptions> = {}, engine = new PretendEngine()) {
  const sampling = { temperature: 0.6, topP: 0.95, topK: 0, minP: 0, seed: 5 };
  const all = {
    model: 'data/models/pretend',
    policy,
    sampling,
    maxTokens: 30,
    problems: 20,
    batch: 4,
    out,
    ...options,
  };
  return evaluate(engine as unknown as Engine, tokenizer, task, all);
}

// Lines stand in the order in which samples ended, which a resumed run does not share.
const sortedLines = (path: string) =>
  readFileSync(path, 'utf8')
    .replace(/"seconds":\{[^}]*\}/g, '"seconds":{}')
    .split('\n')
    .sort();

describe('evaluate', () => {
  it('writes one record a sample as it ends, and gives them in order', async () => {
    const summary = await run({ samplesPerProblem: 2 });
    expect(readRecords(out).map((r) => [r.problem, r.sample]).slice(0, 5)).toEqual([[1, 1], [1, 0], [0, 1], [0, 0], [3, 1]]);
    const { records } = summary;
    expect(readRecords(out)).toHaveLength(40);
    expect(readRecords(out)).toEqual(expect.arrayContaining(records));
    expect(records.map((r) => [r.problem, r.sample])).toEqual(Array.from({ length: 40 }, (_, i) => [i >> 1, i % 2]));
    const right = records.filter((r) => (r.problem * 7 + r.sample * 3 + 5) % 4 !== 0).length;
    expect(records.filter((r) => r.correct)).toHaveLength(right);
    expect(summary).toMatchObject({ problems: 20, samples: 40, peakEntries: 28, meanEntries: 7, interrupted: false });
    expect(summary.passAt1.mean).toBeCloseTo(right / 40, 12);
    expect(summary.passAt1.low).toBeLessThan(right / 40);
    expect(summary.finished).toBeCloseTo(right / 40, 12);
    expect(records[3]).toMatchObject({
      split: 'tune',
      policy,
      seed: 5,
      sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0 },
      maxTokens: 30,
      model: 'data/models/pretend',
      weightsHash: 'abc',
      task: { name: 'echo', version: 3 },
      promptTokens: 6,
      compressions: 1,
      meanBytes: 56,
      readBytes: 100,
      device: 'cpu',
      simd: 'avx2',
    });
  });

  it('gives the Wilson interval at one sample a problem', async () => {
    // 15 of 20: Wilson's 95 % interval is [0.5313, 0.8881] (R: prop.test(15, 20, correct = FALSE)$conf.int).
    const { passAt1 } = await run();
    expect(passAt1.mean).toBe(0.75);
    expect(passAt1.low).toBeCloseTo(0.5313, 4);
    expect(passAt1.high).toBeCloseTo(0.8881, 4);
  });

  it('runs only what is missing, and leaves what is there as it is', async () => {
    await run({ problems: 7 });
    const first = readFileSync(out, 'utf8');
    const engine = new PretendEngine();
    const summary = await run({}, engine);
    expect(engine.asked).toEqual(Array.from({ length: 13 }, (_, i) => `${i + 7} 0`));
    expect(readFileSync(out, 'utf8').startsWith(first)).toBe(true);
    expect(summary.samples).toBe(20);
    expect(await run({ problems: 5 })).toMatchObject({ problems: 5, samples: 5 });
    expect(readRecords(out)).toHaveLength(20);
  });

  it('goes on from any byte at which a kill may have cut the file', async () => {
    await run({ out: join(folder, 'whole.jsonl'), problems: 6 });
    const whole = readFileSync(join(folder, 'whole.jsonl'));
    const wanted = sortedLines(join(folder, 'whole.jsonl'));
    for (let cut = 0; cut <= whole.length; cut += 1 + (cut % 97)) {
      writeFileSync(out, whole);
      truncateSync(out, cut);
      await run({ problems: 6 });
      expect(sortedLines(out)).toEqual(wanted);
    }
  });

  it('keeps every sample that has ended when it is interrupted, though one before it has not', async () => {
    const stop = new AbortController();
    const summary = await run({ signal: stop.signal, onProgress: ({ done }) => done >= 6 && stop.abort() });
    expect(summary).toMatchObject({ interrupted: true, samples: 6 });
    expect(readRecords(out).map((r) => r.problem)).toEqual([3, 2, 1, 0, 7, 6]);
    const engine = new PretendEngine();
    expect(await run({}, engine)).toMatchObject({ interrupted: false, samples: 20 });
    expect(engine.asked.slice(0, 3)).toEqual(['4 0', '5 0', '8 0']);
    expect(readRecords(out).map((r) => r.problem).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('tells the failure of a sample that the user interrupts after, and no abort', async () => {
    const ending = (error: (signal: AbortSignal) => unknown) => {
      const stop = new AbortController();
      const engine = new PretendEngine();
      engine.generateMany = async () => {
        stop.abort();
        throw error(stop.signal);
      };
      return run({ signal: stop.signal }, engine);
    };
    await expect(ending(() => new PathPressError('OUT_OF_MEMORY', 'no room'))).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    await expect(ending(() => new TypeError('a bug'))).rejects.toThrowError('a bug');
    expect(await ending(({ reason }) => reason)).toMatchObject({ interrupted: true, samples: 0 });
  });

  it.each<[string, Partial<EvaluateOptions>]>([
    ['policy', { policy: { ...policy, window: 5 } as Policy }],
    ['maxTokens', { maxTokens: 31 }],
    ['split', { split: 'test' }],
    ['seed', { sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0, seed: 6 } }],
    ['sampling', { sampling: { temperature: 0.7, topP: 0.95, topK: 0, minP: 0, seed: 5 } }],
    ['stop', { stop: { strings: ['x'] } }],
    ['cache', { cache: 'bf16' }],
  ])('refuses records of another %s, and leaves the file alone', async (key, options) => {
    await run({ problems: 3 });
    appendFileSync(out, '{"problem":3,"sam'); // torn, and still not to be cut
    const before = readFileSync(out, 'utf8');
    await expect(run(options)).rejects.toMatchObject({
      code: 'RECORD_MISMATCH',
      message: expect.stringContaining(`line 1 was made with ${key} `),
    });
    expect(readFileSync(out, 'utf8')).toBe(before);
  });

  it('runs each sample under its own policy where a function gives it, and writes no such records', async () => {
    const own = ({ problem }: { problem: number }): Policy => ({ ...policy, window: 4 + problem }) as Policy;
    const { records } = await run({ problems: 3, policy: own, out: undefined });
    expect(records.map((record) => record.policy)).toEqual([0, 1, 2].map((problem) => own({ problem })));
    await expect(run({ policy: own })).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining(`out ${out}: `) });
    expect(existsSync(out)).toBe(false);
  });

  it('refuses records of another instruction set, whose rounding is another', async () => {
    await run({ problems: 3 });
    const before = readFileSync(out, 'utf8');
    await expect(run({}, new PretendEngine('scalar'))).rejects.toMatchObject({
      code: 'RECORD_MISMATCH',
      exitStatus: 2,
      message: expect.stringContaining('line 1 was made with simd "avx2", not "scalar"'),
    });
    expect(readFileSync(out, 'utf8')).toBe(before);
  });

  it('refuses a file that is not of records', async () => {
    await run({ problems: 2 });
    const good = readFileSync(out, 'utf8');
    const refusals: [string | Buffer, string, RegExp][] = [
      [`${good}not json\n`, 'BAD_JSON', /line 3: not JSON/],
      [`${good}${good.split('\n')[1]}\n`, 'RECORD_MISMATCH', /line 3: problem 0, sample 0 stands twice/],
      ['{"id":"a"}\n', 'RECORD_MISMATCH', /line 1: not a record/],
      ['7\n', 'RECORD_MISMATCH', /line 1: not a record/],
      [good.replace('"problem":0', '"problem":-1'), 'RECORD_MISMATCH', /line \d: problem -1 is not a whole number/],
      [good.replace('"sample":0', '"sample":0.5'), 'RECORD_MISMATCH', /line 1: sample 0\.5 is not a whole number/],
      ['a letter to a friend', 'RECORD_MISMATCH', /no record/],
      [Buffer.from([0x7b, 0xff, 0x0a]), 'BAD_UTF8', /not valid UTF-8/],
    ];
    for (const [content, code, message] of refusals) {
      writeFileSync(out, content);
      await expect(run()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
      expect(readFileSync(out)).toEqual(Buffer.from(content));
    }
  });

  it('lets one run at a time extend a file', async () => {
    let second: Promise<unknown> | undefined;
    const first = run({ onRecord: () => void (second ??= run().catch((error: unknown) => error)) });
    expect(await first).toMatchObject({ samples: 20 });
    expect(await second).toMatchObject({ code: 'BUSY', message: expect.stringContaining(`${out}: process ${process.pid}`) });
    expect(readRecords(out)).toHaveLength(20);
    expect(readdirSync(folder)).toEqual(['records.jsonl']);
    expect((await run({ problems: 25 })).samples).toBe(25);
  });

  it('cuts off a torn line, never a whole one that somebody has added since', async () => {
    await run({ problems: 2 });
    const [line] = readFileSync(out, 'utf8').split('\n');
    rmSync(out);
    const meanwhile = (text: string) => run({ onProgress: ({ done }) => void (done === 0 && appendFileSync(out, text)) });
    await expect(meanwhile(`${line}\n{"pro`)).rejects.toMatchObject({ code: 'BUSY' });
    expect(readFileSync(out, 'utf8')).toBe(`${line}\n{"pro`);
    rmSync(out);
    expect((await meanwhile('{"pro')).samples).toBe(20);
    expect(readRecords(out)).toHaveLength(20);
  });

  it('leaves no file behind where nothing was done, and needs none', async () => {
    const stop = new AbortController();
    stop.abort();
    await run({ signal: stop.signal });
    expect(existsSync(out)).toBe(false);
    expect(await run({ out: undefined })).toMatchObject({ samples: 20 });
    expect(existsSync(out)).toBe(false);
  });

  it('passes the failure of the disk on', async () => {
    await expect(run({ out: join(folder, 'none', 'r.jsonl') })).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    await expect(run({ out: folder })).rejects.toMatchObject({ code: 'BAD_FILE' });
    if (existsSync('/dev/null')) await expect(run({ out: '/dev/null' })).rejects.toMatchObject({ code: 'BAD_FILE' });
  });
});
