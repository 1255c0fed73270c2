import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { versions } from '../engine/engine.js';
import { readRecords } from '../evaluate/records-file.js';
import { vocabulary } from '../tasks/vocabulary.js';
import { pathpress, temporaryFolder } from './harness.mjs';
import { writeTinyModel } from './tiny-model.mjs';

const folder = temporaryFolder();
const model = join(folder.path, 'model');
beforeAll(() => writeTinyModel(model, [...vocabulary]));
afterAll(folder.remove);

const rpc = ['--policy', 'rpc', '--interval', '64', '--window', '8'];
const evaluation = (out: string, ...more: (string | number)[]) => [
  'eval',
  '--model',
  model,
  '--task',
  'loops',
  '--ignore-eos',
  '--out',
  out,
  ...more,
];
// Samples are written as they end: their order in the file is that of a batch, and a resumed run's is its own.
const sortedLines = (path: string) =>
  readFileSync(path, 'utf8')
    .replace(/"seconds":\{[^}]*\}/g, '"seconds":{}')
    .split('\n')
    .sort();
const numbers = (path: string) =>
  readRecords(path)
    .map(({ problem, sample }) => [problem, sample])
    .sort(([a, b], [c, d]) => a - c || b - d);

describe('eval', { timeout: 120_000 }, () => {
  it('prints one object, with a record for each sample', async () => {
    const out = join(folder.path, 'records.jsonl');
    const {
      status,
      out: printed,
      err,
    } = await pathpress(
      evaluation(out, '--problems', 4, '--samples-per-problem', 2, '--max-tokens', 200, '--json', ...rpc),
    );
    expect(status, err).toBe(0);
    const summary = JSON.parse(printed) as Record<string, unknown>;
    expect(summary).toMatchObject({ problems: 4, samples: 8, finished: 0, meanTokens: 200 });
    expect(Object.keys(summary.passAt1 as object)).toEqual(['mean', 'low', 'high']);
    const records = readRecords(out);
    expect(numbers(out)).toEqual(
      [0, 1, 2, 3].flatMap((p) => [
        [p, 0],
        [p, 1],
      ]),
    );
    const fields =
      `problem sample split correct answer finish promptTokens generatedTokens meanEntries peakEntries finalEntries meanBytes peakBytes
      sideBytes readBytes compressions seconds sampling maxTokens policy model weightsHash task seed engine device`.split(
        /\s+/,
      );
    for (const record of records) {
      expect(fields.filter((field) => !(field in record))).toEqual([]);
      expect(record).toMatchObject({
        split: 'tune',
        compressions: 2,
        generatedTokens: 200,
        maxTokens: 200,
        model: 'model',
        task: { name: 'loops' },
      });
      expect(record.policy).toMatchObject({ name: 'rpc', interval: 64, window: 8, ratio: 4, kernel: 7 });
    }
  });

  it('gives the same records on any batch', async () => {
    const [one, many] = ['one.jsonl', 'many.jsonl'].map((name) => join(folder.path, name));
    for (const [out, batch] of [
      [one, 1],
      [many, 5],
    ] as const)
      await pathpress(evaluation(out, '--problems', 7, '--max-tokens', 150, '--batch', batch, ...rpc));
    expect(readRecords(one)).toHaveLength(7);
    expect(sortedLines(many)).toEqual(sortedLines(one));
  });

  it('finds a stop string that the last permitted token completes', async () => {
    const finishes = async (name: string, tokens: number) => {
      const out = join(folder.path, name);
      const flags = ['--problems', 6, '--max-tokens', tokens, '--temperature', 0, '--stop', ' '];
      const { status, err } = await pathpress(evaluation(out, ...flags));
      expect(status, err).toBe(0);
      return readRecords(out).map(({ finish, generatedTokens }) => [finish, generatedTokens]);
    };
    expect(await finishes('two.jsonl', 2)).toEqual(Array(6).fill(['stop', 2])); // words are joined by spaces
    expect(await finishes('one-word.jsonl', 1)).toEqual(Array(6).fill(['length', 1]));
  });

  it.skipIf(versions().cuda)('says that there is no GPU before it makes a file', async () => {
    const out = join(folder.path, 'cuda.jsonl');
    const { status, err } = await pathpress(evaluation(out, '--problems', 1, '--device', 'cuda'));
    expect({ status, err }).toEqual({ status: 1, err: `error: device cuda: ${versions().whyNoCuda} (CUDA_UNAVAILABLE)\n` });
    expect(existsSync(out)).toBe(false);
  });

  it('says so where the policy never fired, and refuses samples that would be the same', async () => {
    const idle = await pathpress(evaluation(join(folder.path, 'idle.jsonl'), '--problems', 2, '--max-tokens', 30, '--policy', 'rpc'));
    expect(idle).toMatchObject({ status: 0, err: expect.stringContaining('note: policy rpc (interval 1024, window 32) never fired in 2 samples') });
    const twice = ['--problems', 1, '--samples-per-problem', 2, '--max-tokens', 30, '--temperature', 0];
    const same = await pathpress(evaluation(join(folder.path, 'same.jsonl'), ...twice));
    expect(same).toMatchObject({ status: 2, err: expect.stringContaining('--samples-per-problem 2: with --temperature 0') });
    const lots = ['--policy', 'random', '--interval', 8, '--window', 4];
    expect((await pathpress(evaluation(join(folder.path, 'lots.jsonl'), ...twice, ...lots))).status).toBe(0);
  });

  it('refuses the records of another policy', async () => {
    const out = join(folder.path, 'other.jsonl');
    await pathpress(evaluation(out, '--problems', 2, '--max-tokens', 20));
    const before = readFileSync(out);
    const { status, err } = await pathpress(
      evaluation(out, '--problems', 1, '--max-tokens', 20, '--policy', 'recency'),
    );
    expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining('RECORD_MISMATCH') });
    expect(readFileSync(out)).toEqual(before);
  });

  it('says nothing of samples where it is interrupted before the first', async () => {
    const out = join(folder.path, 'none.jsonl');
    const args = evaluation(out, '--problems', 3, '--max-tokens', 20);
    const note = `interrupted: 0 samples are in ${out}; the same command goes on from there\n`;
    expect(await pathpress(args, AbortSignal.abort())).toEqual({ status: 130, out: '', err: note });
    expect(await pathpress([...args, '--json'], AbortSignal.abort())).toEqual({ status: 130, out: '{"problems":0,"samples":0}\n', err: note });
    expect(existsSync(out)).toBe(false);
  });

  it('ends with 130 when it is interrupted, and goes on from there', async () => {
    const out = join(folder.path, 'interrupted.jsonl');
    const args = evaluation(out, '--problems', 30, '--max-tokens', 600, '--batch', 2, ...rpc);
    const stop = new AbortController();
    const run = pathpress(args, stop.signal);
    while (!existsSync(out)) await new Promise((wake) => setTimeout(wake, 2));
    stop.abort();
    const { status, err } = await run;
    expect({ status, err }).toEqual({ status: 130, err: expect.stringContaining('interrupted') });
    expect(readRecords(out).length).toBeGreaterThan(0);
    expect((await pathpress(args)).status).toBe(0);
    expect(numbers(out)).toEqual(Array.from({ length: 30 }, (_, i) => [i, 0]));
  });
});
