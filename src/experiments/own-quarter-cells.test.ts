/** Caps against hand calculation, and each sample against an evaluation of that problem alone under that cap for all. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluate } from '../evaluate/evaluate.js';
import { settlePolicy } from '../policies/settle.js';
import { tasks } from '../tasks/registry.js';
import { openBundle, type Bundle } from './bundle.js';
import { ownQuarterCells, quarterPolicy, type OwnQuarterCell } from './own-quarter-cells.js';

const problems = 6; // of chains: the full cache writes 753 tokens, and of the last 39
let reasoner: Bundle;
let cells: OwnQuarterCell[];
beforeAll(async () => {
  reasoner = await openBundle('reasoner', { threads: 1 });
  cells = await ownQuarterCells(reasoner, 'chains', { problems });
});
afterAll(() => reasoner.dispose());

it('takes a quarter rounded down, but what the policy needs at the least', () => {
  const keeps = (pinned: boolean, length: number) => quarterPolicy('h2o', pinned, length, 25).keep;
  expect([keeps(false, 753), keeps(false, 39), keeps(false, 3)]).toEqual([188, 9, 1]);
  expect([keeps(true, 753), keeps(true, 107), keeps(true, 104), keeps(true, 39)]).toEqual([188, 26, 26, 26]); // the prompt of 25 and the newest
  expect(quarterPolicy('tova', true, 753, 25)).toEqual(settlePolicy('tova', { pinPrompt: true, keep: 188 }));
});

it('caps each sample by what the full cache wrote of the same problem', () => {
  const told = cells.map(({ rival, pinned, published, budget, caps }) => [rival, pinned, published, budget, caps[0], caps[5]]);
  // By hand: 753 / 4, (753 + 25) / 4, 39 / 4 and (39 + 25) / 4, rounded down; pinned at least 25 + 1.
  expect(told).toEqual(
    ['h2o', 'tova'].flatMap((rival) => [
      [rival, false, true, 'own output', 188, 9],
      [rival, false, true, 'own prompt and output', 194, 16],
      [rival, true, false, 'own output', 188, 26],
      [rival, true, false, 'own prompt and output', 194, 26],
    ]),
  );
  expect(cells[0].fullLengths).toEqual([753, 753, 753, 753, 753, 39]);
  expect(cells[0].prompts).toEqual([25, 25, 25, 25, 25, 25]);
});

it.each([0, 7])('gives each sample as an evaluation of it alone under its cap does: cell %i', async (number) => {
  const { rival, pinned, caps, correct, lengths, meanEntries } = cells[number];
  const { maxTokens, ...sampling } = reasoner.defaults;
  const alone = caps.map(async (keep, problem) => {
    const policy = settlePolicy(rival, { keep, pinPrompt: pinned });
    const { records } = await evaluate(reasoner.engine, reasoner.tokenizer, tasks.chains, { model: 'm', policy, sampling: { ...sampling, seed: 0 }, maxTokens, samples: [{ problem, sample: 0 }] });
    return records[0];
  });
  const records = await Promise.all(alone);
  expect(records.map(({ generatedTokens }) => generatedTokens)).toEqual(lengths);
  expect(records.map((record) => Number(record.correct)).join('')).toBe(correct);
  expect(records.reduce((sum, record) => sum + record.meanEntries, 0) / problems).toBeCloseTo(meanEntries, 1);
});
