import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { EvalRecord, EvalSettings } from '../evaluate/record.js';
import type { Policy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { serialiseManifest, type Manifest, type SweepCell } from '../sweep/manifest.js';
import { scoreCells } from './score-cells.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-score-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const knobs = { interval: 4, window: 2, ratio: 2 };
const random = (drawSeed: number): Policy => settlePolicy('random', { ...knobs, drawSeed });
/** Two draws of random, problems in a worker's order, 1 and 0, the latter right: prompt of 5, 10 tokens and the stop; `lookups` of each. */
function sweepOf(meanEntries = 9.7, task = 'loops', lookups?: { right: number; total: number }, policyOf = random): string {
  mkdirSync(join(folder, 'cells'));
  const cells = [1, 2].map((drawSeed): SweepCell => {
    const settings: EvalSettings = {
      split: 'tune', sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0 }, maxTokens: 30, stop: { strings: [], ids: [] }, policy: policyOf(drawSeed),
      cache: 'f32', model: 'data/models/reasoner', weightsHash: 'w', task: { name: task, version: 1 }, seed: 0, engine: '0.1.0', device: 'cpu', simd: 'avx2',
    }; // prettier-ignore
    const records = [1, 0].map((problem): EvalRecord => ({
      problem, sample: 0, correct: problem === 0, answer: null, ...(lookups && { lookups }), finish: 'stop', promptTokens: 5, generatedTokens: 10, meanEntries, peakEntries: 13, finalEntries: 11,
      meanBytes: 100, peakBytes: 200, sideBytes: 7, readBytes: 7, compressions: 2, seconds: { prefill: 1, decode: 2, compress: 0.25 }, ...settings,
    })); // prettier-ignore
    const id = String(drawSeed).padStart(16, '0');
    writeFileSync(join(folder, 'cells', `${id}.jsonl`), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    return { id, arm: 'random-persistent', problems: 2, samplesPerProblem: 1, settings };
  });
  const manifest: Manifest = {
    format: 1, sweep: { name: 's', file: 'f' }, engine: { version: '0.1.0', addon: 'a', simd: 'avx2', device: 'cpu' }, models: [], tasks: [], shard: null, cells,
  }; // prettier-ignore
  writeFileSync(join(folder, 'manifest.json'), serialiseManifest(manifest));
  return folder;
}

it('keeps each draw apart, outcomes in order, and what the full cache would have held', async () => {
  const cells = await scoreCells(sweepOf());
  expect(cells).toHaveLength(2);
  // By hand: ten passes attend to 6 … 15 entries in full, 105; here to 6 … 11, then from the trigger at 6 on, which leaves
  // 5 + 2 + 2, to 10 … 13: 97.
  expect(cells[0]).toEqual({
    model: 'reasoner', task: 'loops', split: 'tune', arm: 'random-persistent', policy: settlePolicy('random', { ...knobs, drawSeed: 1 }), seed: 0, correct: '10',
    meanTokens: 10, meanEntries: 9.7, fullEntries: 10.5, fullOverKept: 1.0825, meanBytes: 107, peakBytes: 207, sideBytes: 7, finish: { stop: 2, length: 0 },
  }); // prettier-ignore
  expect(cells[1]).toMatchObject({ arm: 'random-persistent', policy: { drawSeed: 2 } });
});

it('refuses a sample that held other entries than its policy says', async () => {
  await expect(scoreCells(sweepOf(9.8))).rejects.toThrow(
    expect.objectContaining({ code: 'RECORD_MISMATCH', message: 'data/models/reasoner, loops, arm random-persistent, problem 0: held 9.8 entries on average, its policy says 9.7' }),
  );
});

it('keeps the share of look-ups right of each problem', async () => {
  const [cell] = await scoreCells(sweepOf(9.7, 'chains', { right: 29, total: 40 }));
  expect(cell).toMatchObject({ task: 'chains', correct: '10', shares: [0.3295, 0.3295] }); // of 88, though 40 were reached
});

// By hand, as above: fixed intervals of 3 attend to 6 … 10, 9 … 11, 11, 12: 93; of 4 to 97.
it('takes what adaptive held as it was measured, and says which fixed interval would have held as much', async () => {
  const [cell] = await scoreCells(sweepOf(9.5, 'loops', undefined, () => settlePolicy('adaptive', knobs)));
  expect(cell).toMatchObject({ meanEntries: 9.5, fullOverKept: 1.1053, equalInterval: 4 });
});
