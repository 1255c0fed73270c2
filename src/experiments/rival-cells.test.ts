import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { EvalRecord, EvalSettings } from '../evaluate/record.js';
import { settlePolicy } from '../policies/settle.js';
import { serialiseManifest, type Manifest, type SweepCell } from '../sweep/manifest.js';
import { rivalCells } from './rival-cells.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-rivals-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const arms: [string, string, Record<string, unknown>][] = [
  ['full', 'full', {}],
  ['rpc ratio=4 pinPrompt=true', 'rpc', { interval: 256, window: 128, ratio: 4 }],
  ['rpc ratio=4 pinPrompt=false', 'rpc', { interval: 256, window: 128, ratio: 4, pinPrompt: false }],
  ['h2o keep=180 pinPrompt=false', 'h2o', { keep: 180 }],
  ['h2o keep=180 pinPrompt=true', 'h2o', { keep: 180, pinPrompt: true }],
  ['raas keep=180 pinPrompt=true', 'raas', { keep: 180 }],
  ['quest keep=64', 'quest', { keep: 64 }],
];

/** Every arm on one task: problems in a worker's order, 2, 0, 1, the last of them wrong. */
function sweepOf(right: [number, boolean][] = [[2, true], [0, true], [1, false]]): string {
  mkdirSync(join(folder, 'cells'));
  const cells = arms.map(([arm, name, options], i): SweepCell => {
    const settings: EvalSettings = {
      split: 'tune', sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0 }, maxTokens: 9, stop: { strings: [], ids: [] }, policy: settlePolicy(name, options),
      cache: 'f32', model: 'm', weightsHash: 'w', task: { name: 'loops', version: 1 }, seed: 0, engine: '0.1.0', device: 'cpu', simd: 'avx2',
    }; // prettier-ignore
    const records = right.map(([problem, correct]): EvalRecord => ({
      problem, sample: 0, correct, answer: null, finish: 'stop', promptTokens: 5, generatedTokens: 10 + problem, meanEntries: 4, peakEntries: 8, finalEntries: 6,
      meanBytes: 100, peakBytes: 200, sideBytes: 7, readBytes: 7, compressions: 1, seconds: { prefill: 1, decode: 2, compress: 0.25 }, ...settings,
    })); // prettier-ignore
    const id = String(i).padStart(16, '0');
    writeFileSync(join(folder, 'cells', `${id}.jsonl`), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    return { id, arm, problems: 3, samplesPerProblem: 1, settings };
  });
  const manifest: Manifest = {
    format: 1, sweep: { name: 's', file: 'f' }, engine: { version: '0.1.0', addon: 'a', simd: 'avx2', device: 'cpu' }, models: [], tasks: [], shard: null, cells,
  }; // prettier-ignore
  writeFileSync(join(folder, 'manifest.json'), serialiseManifest(manifest));
  return folder;
}

it('tells each arm by its policy, budget and prompt', async () => {
  const cells = await rivalCells(sweepOf());
  const told = cells.map(({ rival, budget, pinned, published }) => [rival, budget, pinned, published]);
  // As METHODS of each have it: RPC and RaaS pin the prompt, H2O does not; Quest and the full cache evict nothing.
  expect(told).toEqual([
    ['full', 'all', true, true],
    ['rpc', 'c = 4', true, true],
    ['rpc', 'c = 4', false, false],
    ['h2o', '180', false, true],
    ['h2o', '180', true, false],
    ['raas', '180', true, true],
    ['quest', '64', true, true],
  ]);
});

it('gives outcomes in the order of the problems, and the cost of a solved one', async () => {
  const [cell] = await rivalCells(sweepOf());
  // By hand: 107 bytes over 10 + 11 + 12 steps, two of three problems solved.
  expect(cell).toMatchObject({ task: 'loops', correct: '101', lengths: [10, 11, 12], meanBytes: 107, peakBytes: 207, byteStepsPerSolved: Math.round((107 * 33) / 2), seconds: 9.8 });
});

it('has no cost where nothing is solved', async () => {
  const [cell] = await rivalCells(sweepOf([[0, false], [1, false], [2, false]]));
  expect(cell!.byteStepsPerSolved).toBeNull();
});

it('refuses a sweep that is not finished', async () => {
  await expect(rivalCells(sweepOf([[0, true]]))).rejects.toThrow(expect.objectContaining({ code: 'RECORD_MISMATCH', message: expect.stringContaining('full: 1 samples of 3') }));
});
