import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EvalRecord, EvalSettings } from '../evaluate/record.js';
import { serialiseManifest, type Manifest, type SweepCell } from './manifest.js';
import { summarizeSweep } from './summary.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-summary-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const settings = (model: string, policy: object): EvalSettings => ({
  split: 'test', sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0 }, maxTokens: 9, stop: { strings: [], ids: [] }, policy: policy as EvalSettings['policy'],
  cache: 'f32', model, weightsHash: `${model}${model}`, task: { name: 'loops', version: 1 }, seed: 0, engine: '0.1.0', device: 'cpu', simd: 'avx2',
}); // prettier-ignore

/** A sweep's folder with these outcomes: a row an arm's cell, a digit a problem, 1 where right, a point where it is not done. */
function sweepOf(rows: { arm: string; model?: string; drawSeed?: number; right: string }[]): string[] {
  mkdirSync(join(folder, 'cells'));
  const cells = rows.map(({ arm, model = 'm', drawSeed, right }, i): SweepCell => {
    const id = String(i).padStart(16, '0');
    const own = settings(model, { name: arm, ...(drawSeed !== undefined && { drawSeed }) });
    const records = [...right].map((digit, problem): Partial<EvalRecord> | string => digit === '.' ? '' : ({
      problem, sample: 0, correct: digit === '1', answer: null, finish: digit === '1' ? 'stop' : 'length', promptTokens: 5, generatedTokens: 10 + problem,
      meanEntries: 4, peakEntries: 8, finalEntries: 6, meanBytes: 100 + problem, peakBytes: 200 + problem, sideBytes: i, readBytes: 7, compressions: 1, ...own,
    })); // prettier-ignore
    writeFileSync(join(folder, 'cells', `${id}.jsonl`), records.map((record) => record && `${JSON.stringify(record)}\n`).join(''));
    return { id, arm, problems: right.length, samplesPerProblem: 1, settings: own };
  });
  const manifest: Manifest = {
    format: 1, sweep: { name: 's', file: 'f' }, engine: { version: '0.1.0', addon: 'a', simd: 'avx2', device: 'cpu' }, models: [], tasks: [], shard: null, cells,
  }; // prettier-ignore
  writeFileSync(join(folder, 'manifest.json'), serialiseManifest(manifest));
  return [folder];
}

describe('summarizeSweep', () => {
  it('gives each arm its share with Wilson’s interval, and charges side bytes', async () => {
    const { name, arms } = await summarizeSweep(sweepOf([{ arm: 'full', right: '11111' }, { arm: 'rpc', right: '11110111011101111010' }]));
    expect(name).toBe('s');
    expect(arms.map(({ arm }) => arm)).toEqual(['full', 'rpc']);
    // 15 of 20: Wilson's 95 % interval is [0.5313, 0.8881] (R: prop.test(15, 20, correct = FALSE)$conf.int).
    const [, rpc] = arms;
    expect(rpc).toMatchObject({ samples: 20, problems: 20, finish: { stop: 15, length: 5 }, model: 'm', task: 'loops', split: 'test' });
    expect(rpc!.accuracy.mean).toBe(0.75);
    expect(rpc!.accuracy.low).toBeCloseTo(0.5313, 4);
    expect(rpc!.accuracy.high).toBeCloseTo(0.8881, 4);
    // By hand: means of 10 … 29 and of 100 … 119, the largest of 200 … 219; one side byte each.
    expect(rpc).toMatchObject({ meanTokens: 19.5, meanEntries: 4, meanBytes: 110.5, peakBytes: 220, sideBytes: 1 });
  });

  it('takes the draws of an arm together, by problem', async () => {
    const [arm] = (
      await summarizeSweep(sweepOf([0, 1, 2].map((drawSeed) => ({ arm: 'random', drawSeed, right: ['1100', '1000', '1001'][drawSeed]! }))))
    ).arms;
    expect(arm).toMatchObject({ samples: 12, problems: 4 });
    expect(arm!.accuracy.mean).toBeCloseTo(5 / 12, 12);
    // Problems have 3, 1, 0 and 1 of 3 right: the interval is theirs, wider than that of twelve free samples (0.19 to 0.68).
    expect(arm!.accuracy.low).toBeLessThan(0.19);
    expect(arm!.accuracy.high).toBeGreaterThan(0.68);
  });

  it('compares two arms on the same problems, each model apart', async () => {
    const rows = [
      { arm: 'rpc', right: '1110' },
      { arm: 'random', drawSeed: 0, right: '1000' },
      { arm: 'random', drawSeed: 1, right: '0101' },
      { arm: 'rpc', model: 'n', right: '1111' },
      { arm: 'random', model: 'n', right: '1111' },
    ];
    const { arms, contrasts } = await summarizeSweep(sweepOf(rows), [['rpc', 'random']]);
    expect(arms).toHaveLength(4);
    // By hand, problem by problem: 1 − 1/2, 1 − 1/2, 1 − 0, 0 − 1/2: mean 3/8.
    expect(arms.every(({ complete }) => complete)).toBe(true);
    expect(contrasts.map(({ model, arms: pair, difference }) => [model, pair, difference.mean, difference.pairs])).toEqual([
      ['m', ['rpc', 'random'], 0.375, 4],
      ['n', ['rpc', 'random'], 0, 4],
    ]);
    // With 1 and -1 beside them: mean 1/4, squares 3.375 of 6 values, t of 3 degrees 3.182446; no share is above 1.
    const low = 0.25 - 3.182446305284263 * Math.sqrt(3.375 / 5 / 6);
    expect(contrasts[0]!.difference).toMatchObject({ low: expect.closeTo(low, 7), high: 1 });
  });

  it('compares only problems that both arms have', async () => {
    const [row] = (await summarizeSweep(sweepOf([{ arm: 'a', right: '1111' }, { arm: 'b', right: '10' }]), [['a', 'b']])).contrasts;
    expect(row!.difference).toMatchObject({ pairs: 2, mean: 0.5 });
  });

  it('says what is not complete, and compares only problems whose samples are all there', async () => {
    const rows = [
      { arm: 'a', drawSeed: 0, right: '1101' },
      { arm: 'a', drawSeed: 1, right: '1.0.' },
      { arm: 'b', right: '0101' },
      { arm: 'c', right: '....' },
    ];
    const { complete, arms, contrasts } = await summarizeSweep(sweepOf(rows), [['a', 'b'], ['a', 'c']]);
    expect(complete).toBe(false);
    expect(arms.map((arm) => [arm.arm, arm.complete, arm.samples])).toEqual([['a', false, 6], ['b', true, 4]]);
    // By hand: of problems 0 and 2 both draws are there, 1 − 0 and 0 − 0.
    expect(contrasts.map(({ arms: pair, difference }) => [...pair, difference.pairs, difference.mean])).toEqual([['a', 'b', 2, 0.5]]);
  });

  it('is not sure of what all problems agree on', async () => {
    const rows = [0, 1].flatMap((drawSeed) => [{ arm: 'a', drawSeed, right: '1111111111' }, { arm: 'b', drawSeed, right: '1111111111' }]);
    const { arms, contrasts } = await summarizeSweep(sweepOf(rows), [['a', 'b']]);
    // Agresti & Coull (1998): 0 of n gives high = z² / (n + z²), and n of n one less that; ten problems, whatever the draws.
    const far = 3.8414588 / 13.8414588;
    expect(arms.map(({ accuracy }) => accuracy)).toEqual([0, 1].map(() => ({ mean: 1, low: expect.closeTo(1 - far, 7), high: 1 })));
    const most = 2.2621571628540993 * Math.sqrt(2 / 11 / 12); // with one problem more either way, t of 9 degrees
    expect(contrasts[0]!.difference).toEqual({ pairs: 10, mean: 0, low: expect.closeTo(-most, 7), high: expect.closeTo(most, 7) });
  });

  it('refuses an arm that is not there', async () => {
    await expect(summarizeSweep(sweepOf([{ arm: 'a', right: '1' }]), [['a', 'c']])).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: 'contrast c: no such arm; there are a',
    });
  });
});
