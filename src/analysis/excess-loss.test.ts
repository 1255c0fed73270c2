import { describe, expect, it } from 'vitest';
import { excessLoss } from './excess-loss.js';

// Two bins; the arm loses 1 nat a token in the first trace's first bin, 4 in the second's, nothing in the other bin.
const traces = [
  { tokens: [30, 10], loss: { full: [60, 20], arm: [90, 20] } },
  { tokens: [10, 10], loss: { full: [20, 30], arm: [60, 30] } },
  { tokens: [0, 5], loss: { full: [0, 5], arm: [0, 5] } },
];

describe('excessLoss', () => {
  it('weighs tokens alike and redraws whole traces: by hand', () => {
    // (30 + 40) / (30 + 10). Of two traces a bootstrap draws the first twice (1), both (1.75) or the second twice (4).
    expect(excessLoss(traces, 'arm', 'full', 0)).toEqual({ mean: 1.75, low: 1, high: 4, tokens: 40, traces: 2 });
    expect(excessLoss(traces, 'arm', 'full', 1)).toEqual({ mean: 0, low: 0, high: 0, tokens: 25, traces: 3 });
    expect(excessLoss(traces, 'arm', 'full')).toMatchObject({ mean: 70 / 65, tokens: 65, traces: 3 });
  });

  it('is the other way round the other way round, and nothing against itself', () => {
    expect(excessLoss(traces, 'full', 'arm', 0)).toMatchObject({ mean: -1.75, low: -4, high: -1 });
    expect(excessLoss(traces, 'arm', 'arm')).toMatchObject({ mean: 0, low: 0, high: 0 });
  });

  it('says where there is nothing, and refuses a trace that lacks an arm', () => {
    expect(excessLoss([traces[2]], 'arm', 'full', 0)).toBeUndefined();
    const lacking: { tokens: number[]; loss: { full: number[]; arm?: number[] } }[] = [{ tokens: [1], loss: { full: [1] } }];
    expect(() => excessLoss(lacking, 'arm', 'full')).toThrow('no loss under arm');
  });
});
