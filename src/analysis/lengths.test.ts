import { describe, expect, it } from 'vitest';
import { settlePolicy } from '../policies/settle.js';
import { compressionShares, savingOver, summariseLengths } from './lengths.js';

const small = settlePolicy('rpc', { interval: 16, window: 4, ratio: 4 });

describe('distribution of output lengths', () => {
  it('share of outputs by compressions: triggers at 20, 36 and 52, none at the last token', () => {
    expect(compressionShares([5, 20, 21, 36, 37, 52, 53, 500], small, 2)).toEqual([2 / 8, 2 / 8, 4 / 8]);
    expect(compressionShares([100], settlePolicy('full'), 1)).toEqual([1, 0]);
  });

  it('saving of one output is the contract’s: P 16, R 4, c 4, prompt 5, 40 tokens attend to 711 entries in 39 passes', () => {
    const saving = savingOver([{ tokens: 40, prompt: 5 }], small);
    expect(saving.meanEntries.kept).toBeCloseTo(711 / 39, 12);
    expect(saving.meanEntries.full).toBe(25); // 6 … 44
    expect(saving.overTime.mean).toBeCloseTo((25 * 39) / 711, 12);
    expect(saving.peakEntries).toEqual({ full: 44, kept: 29 });
    expect(saving.atPeak.mean).toBeCloseTo(44 / 29, 12);
  });

  it('weighs outputs by their entries, not by their number; an output without a decode pass holds nothing', () => {
    const both = savingOver(
      [
        { tokens: 40, prompt: 5 },
        { tokens: 3, prompt: 0 },
        { tokens: 1, prompt: 9 },
      ],
      small,
    );
    expect(both.overTime.mean).toBeCloseTo((25 * 39 + 3) / (711 + 3), 12);
    expect(both.overTime.low).toBeGreaterThanOrEqual(1);
    expect(both.overTime.high).toBeCloseTo((25 * 39) / 711, 12);
  });

  it('c = 1 saves nothing; a long output comes near c over time', () => {
    expect(
      savingOver([{ tokens: 200, prompt: 7 }], settlePolicy('rpc', { interval: 16, window: 4, ratio: 1 })).overTime
        .mean,
    ).toBe(1);
    expect(savingOver([{ tokens: 100000, prompt: 0 }], small).overTime.mean).toBeGreaterThan(3.98);
  });

  it('summarises', () => {
    expect(summariseLengths([1, 2, 3, 4, 10])).toMatchObject({
      outputs: 5,
      mean: 4,
      quantiles: expect.arrayContaining([
        { share: 0.5, tokens: 3 },
        { share: 1, tokens: 10 },
      ]),
    });
    expect(() => summariseLengths([])).toThrow(/at least one output/);
    expect(() => savingOver([{ tokens: 1, prompt: 3 }], small)).toThrow(/at least one output/);
  });
});
