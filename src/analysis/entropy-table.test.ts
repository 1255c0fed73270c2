import { describe, expect, it } from 'vitest';
import { entropyTable, type OutputIds } from './entropy-table.js';
import { clusterMean } from './statistics.js';
import { pairedByPrompt, pairedEntropy, shareReaching } from './pairing.js';

const count = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Lengths 2, 4 and 8 of prompts a, a and b. */
const outputs: OutputIds[] = [
  { prompt: 'a', ids: [1, 1] },
  { prompt: 'a', ids: [1, 2, 1, 2] },
  { prompt: 'b', ids: count(0, 8) },
];

describe('entropy table', () => {
  it('matched: only outputs with L ids; lengths that none reaches are left out', () => {
    const cells = entropyTable(outputs, { n: [1], lengths: [2, 4, 8, 16] });
    expect(cells.map(({ length, outputs: filled, mean, share }) => [length, filled, mean, share])).toEqual([
      [2, 3, 2 / 3, 1],
      [4, 2, 1.5, 2 / 3],
      [8, 1, 3, 1 / 3],
    ]);
    expect(cells[1].overCeiling).toBe((1 / 2 + 2 / 2) / 2);
  });

  it('paper: the whole output where it is shorter, every output in every mean', () => {
    const cells = entropyTable(outputs, { n: [1], lengths: [2, 4, 16], mode: 'paper' });
    expect(cells.map(({ length, outputs: filled, mean }) => [length, filled, mean])).toEqual([
      [2, 3, 2 / 3],
      [4, 3, 1],
      [16, 3, 4 / 3],
    ]);
  });

  it('paper: an output without one n-gram has no entropy and is left out, and a ceiling of 0 gives no ratio', () => {
    const [cell] = entropyTable(outputs, { n: [3], lengths: [4], mode: 'paper' });
    expect(cell).toMatchObject({ outputs: 2, mean: (1 + 1) / 2, share: 2 / 3 });
    expect(entropyTable([{ prompt: 'a', ids: [] }], { n: [1], lengths: [4], mode: 'paper' })).toEqual([]);
    expect(entropyTable([{ prompt: 'a', ids: [5, 6] }], { n: [2], lengths: [2] })[0].overCeiling).toBeNaN();
  });

  it('has intervals over prompts, not outputs, and none below 0 or above the ceiling: one prompt has no width', () => {
    const [oneLength] = entropyTable(outputs.slice(0, 2), { n: [1], lengths: [2] });
    expect(oneLength).toMatchObject({ mean: 0.5, low: 0.5, high: 0.5 });
    const [two] = entropyTable(outputs, { n: [1], lengths: [2] });
    expect(clusterMean([[0, 1], [1]]).low).toBeLessThan(0); // log2 of the words among two; of two prompts
    expect(two).toMatchObject({ mean: 2 / 3, low: 0, high: 1 });
  });

  it('refuses modes, sizes and lengths without meaning', () => {
    expect(() => entropyTable(outputs, { mode: 'other' as never })).toThrow(/other/);
    expect(() => entropyTable(outputs, { n: [0] })).toThrow(/n must/);
    expect(() => entropyTable(outputs, { n: [3], lengths: [2] })).toThrow(/length must be a whole number >= 3, not 2/);
  });
});

describe('pairing by prompt', () => {
  const others: OutputIds[] = [
    { prompt: 'a', ids: [3, 3, 3, 3] },
    { prompt: 'c', ids: count(0, 8) },
    { prompt: 'b', ids: [1, 2] },
  ];

  it('compares prompts that both sides reach', () => {
    expect(pairedEntropy(outputs, others, 1, 4)).toBeUndefined(); // one prompt alone
    // a: mean of 0 and 1 against 0; b: 1 against 1
    expect(pairedEntropy(outputs, others, 1, 2)).toMatchObject({ mean: 0.25, pairs: 2 });
    expect(pairedEntropy(outputs, others, 1, 8)).toBeUndefined();
  });

  it('takes any measure, leaving undefined ones out', () => {
    const size = (output: OutputIds): number | undefined => (output.ids.length > 2 ? output.ids.length : undefined);
    expect(pairedByPrompt(outputs, [...others, { prompt: 'b', ids: [1, 2, 3] }], size)).toMatchObject({ mean: 2.5, pairs: 2 });
  });

  it('gives the share that reaches a length', () => {
    expect(shareReaching(outputs, 4)).toBe(2 / 3);
    expect(shareReaching(outputs, 9)).toBe(0);
  });
});
