import { describe, expect, it, vi } from 'vitest';
import { tasks } from '../tasks/registry.js';
import type { Figure } from './figure.js';
import { matrixFigure } from './matrix.js';
import { retentionAgeFigure } from './retention-age.js';
import { retentionMapFigure } from './retention-map.js';
import { sharesFigure } from './shares.js';
import { around, describeFigures, text } from './testing.js';

vi.setConfig({ testTimeout: 180_000 });

const examples: Record<string, () => Figure> = {
  'retention-map': () => {
    const worked = tasks.passcode.worked('tune', 0).solution.split(' ').slice(0, 100);
    const shares = (policy: number) => [60, 90].map((length) => Array.from({ length }, (_, at) => (at >= length - 30 ? 1 : ((at * (3 + policy)) % 5) / 4)));
    return retentionMapFigure(
      { words: worked, kinds: worked.map(() => 'word'), compressions: ['after 60 tokens', 'after 90 tokens'], window: 30 },
      ['rpc', 'recency'].map((policy, p) => ({ policy, shares: shares(p) })),
      text,
    );
  },
  shares: () =>
    sharesFigure(
      ['loops', 'chains'].flatMap((panel, t) => ['result', 'restated value', 'separator'].flatMap((row, r) => ['rpc', 'h2o', 'recency'].map((series, s) => ({ panel, row, series, ...around(0.2 + 0.1 * r + 0.05 * s - 0.03 * t, 0.04) })))),
      'share held (%)',
      text,
      { rule: 0.25 },
    ),
  'shares of other things': () =>
    sharesFigure(['0 of 4 layers', '1 of 4 layers'].flatMap((row, r) => ['by lot', 'by score'].map((series, s) => ({ panel: 'loops', row, series, mean: 0.3 + 0.2 * r + 0.1 * s }))), 'share held (%)', text, { policies: false, rowHeight: 60 }),
  matrix: () => {
    const arms = ['rpc', 'rpc-shuffled', 'h2o', 'random-persistent', 'recency'];
    return matrixFigure(['loops', 'chains', 'passcode'].flatMap((panel) => arms.flatMap((row, a) => arms.map((column, b) => ({ panel, row, column, share: a === b ? null : 0.1 + 0.08 * Math.abs(a - b) })))), text);
  },
  'retention-age': () =>
    retentionAgeFigure(['loops', 'chains', 'passcode'].flatMap((panel) => ['rpc', 'h2o', 'recency'].flatMap((policy, p) => [160, 224, 288, 352].map((age, i) => ({ panel, policy, age, mean: Math.max(0, 0.8 - 0.2 * i - 0.1 * p) })))), 0.25, text),
};

describeFigures(examples);

describe('names what cannot be drawn', () => {
  it('in a map', () => {
    const map = { words: ['a', 'b'], kinds: ['word', 'word'], compressions: ['one'], window: 1 };
    expect(() => retentionMapFigure(map, [{ policy: 'rpc', shares: [[1, 1, 1]] }], text)).toThrowError(/rpc: 1 compressions for 1, number 0 of 3 tokens for 2/);
    expect(() => retentionMapFigure(map, [{ policy: 'rpc', shares: [] }], text)).toThrowError(/rpc: 0 compressions for 1/);
  });
  it('in tables and rows', () => {
    expect(() => matrixFigure([{ panel: 'loops', row: 'a', column: 'b', share: 1.5 }], text)).toThrowError(/loops, a, b: share 1.5/);
    expect(() => sharesFigure([{ panel: 'loops', row: 'a', series: 'rpc', mean: NaN }], 'share', text)).toThrowError(/loops, a, rpc: mean NaN/);
  });
});
