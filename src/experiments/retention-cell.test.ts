/** The sums of a record against counts by hand, and against one another where the engine made them. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KeptPositions } from '../engine/types.js';
import { frameArms } from '../policies/frame.js';
import { settlePolicy } from '../policies/settle.js';
import { tokenClasses } from '../tasks/token-classes.js';
import { openBundle, type Bundle } from './bundle.js';
import { heldSource, lookupsHeld } from './lookup-cell.js';
import { retentionCell, sumRetention, type RetentionCell } from './retention-cell.js';
import { markText, retentionMap, type RetentionRun } from './retention-runs.js';
import { retained } from '../analysis/retention.js';

vi.setConfig({ testTimeout: 120_000 }); // a machine may be busy with other things

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const words = (text: string): string[] => text.split(' ');
const set = (layer: number, generated: number, positions: number[]): KeptPositions => ({ generated, layer, head: null, positions: Int32Array.from(positions) });

//                 prompt 0-3     4  5  6 7 8 9  10 11 12 13 14 15 16 17 18 19 20 21
const text = words('x = 1 2 v1 is x = 1 2 , v1 = 3 4 . v1 = 3 4 . .');
const promptTokens = 4;

describe('one text, by hand', () => {
  // 16 generated tokens at the compression, of which the last 3 (17, 18, 19) are the window: candidates 4 to 16
  const trace = (a: number[], b: number[]) => retained([set(0, 16, [0, 1, 2, 3, ...a, 17, 18, 19]), set(1, 16, [0, 1, 2, 3, ...b, 17, 18, 19])], promptTokens);
  const mass = (generated: number, layer: number, each: number): KeptPositions => ({ ...set(layer, generated, []), mass: Float32Array.from({ length: 21 }, (_, i) => each * i) });
  const likely = Float32Array.from({ length: 18 }, () => Math.log(0.5));
  const run: RetentionRun = {
    text: markText(text, promptTokens),
    along: { full: { compressions: [], logLikelihoods: likely }, one: { compressions: trace([13, 14], [4, 13]), logLikelihoods: likely }, other: { compressions: trace([13, 14], [5, 6]), logLikelihoods: likely } },
    noted: [mass(16, 0, 1), mass(16, 1, 1), mass(18, 0, 3), mass(18, 1, 2)],
  };
  const short: RetentionRun = { text: markText(text.slice(0, 9), promptTokens), along: Object.fromEntries(['full', 'one', 'other'].map((arm) => [arm, { compressions: [], logLikelihoods: likely }])), noted: run.noted };
  const sums = sumRetention([run, short], ['one', 'other'], 4, 3); // a text that ends before a compression counts nowhere
  const of = (row: readonly number[], name: (typeof tokenClasses)[number]): number => row[tokenClasses.indexOf(name)];

  it('candidates and what is held of them, by class, age and layer', () => {
    expect(sums.compressions).toEqual([1, 0]);
    expect([sums.tokens[1], sums.arms[0].held[1]]).toEqual([tokenClasses.map(() => 0), tokenClasses.map(() => 0)]);
    expect(of(sums.tokens[0], 'result')).toBe(2);
    expect(of(sums.tokens[0], 'restated value')).toBe(2);
    expect(sum(sums.tokens[0])).toBe(13);
    const [one, other] = sums.arms;
    expect(of(one.held[0], 'result')).toBe(1.5);
    expect(of(one.held[0], 'name')).toBe(0.5);
    expect(of(other.held[0], 'result')).toBe(1);
    expect(one.sets.map((row) => of(row, 'result'))).toEqual([2, 1]);
    expect(one.ages).toEqual([2]);
  });
  it('overlap of layers and of arms', () => {
    expect(sums.arms[0].agreement).toEqual([0.333, null]); // 13 of 4, 13, 14
    expect(sums.overlaps).toEqual([{ arms: ['one', 'other'], each: [0.5, null] }]); // all in layer 0, nothing in layer 1
  });
  it('bits of what a compressed cache had to foresee', () => {
    expect(sums.written).toEqual(tokenClasses.map((kind) => Number(kind === 'separator'))); // the last token, 21: 20 came of the whole cache
    expect(sum(sums.arms[0].bits)).toBe(1);
  });
  it('attention from a compression to the last time that it was noted', () => {
    expect(sums.attention.all).toEqual([2, 0]);
    const candidates = sum(Array.from({ length: 13 }, (_, i) => i + 4));
    expect(sums.attention.candidates[0]).toBeCloseTo(candidates * 1.5, 3); // (3 − 1 + 2 − 1) / 2 a position
    expect(sums.arms[0].lost![0]).toBeCloseTo(candidates * 1.5 - ((13 + 14) * 2 + (4 + 13)) / 2, 3);
    expect(of(sums.attentionTo, 'result')).toBeCloseTo((13 + 14) * 1.5, 3);
  });
});

describe('what is held at a look-up, by hand', () => {
  const said = words('<bos> v1 = 1 2 . v2 is v1 = 1 2 + v1 = 1 2 , v2 = 2 4 . . . . v3 is v2 = 2 4 + v2 = 2 5');
  const [, , first, second] = markText(said, 6).lookups; // of v2 at 30, and again at 35: first stated at 20
  const at = (generated: number, ...layers: number[][]) => retained(layers.map((positions, layer) => set(layer, generated, positions)), 6);
  it.each([
    ['both digits in one of two layers', at(19, [20, 21, 24], [20, 24]), { first: 0.5, firstIn: [true, false], later: 0, any: 0.5, safe: false }],
    ['in the window', at(16, [20, 21], [20, 21]), null],
    ['compressed after the pass that gives its second digit', at(25, [20, 21], [20, 21]), null],
    ['compressed between its digits', at(24, [20, 21], [20, 21]), { first: 1, firstIn: [true, true], later: 0, any: 1, safe: false }],
    ['never compressed', [], null],
  ])('%s', (_, compressions, expected) => expect(heldSource(first, 6, compressions, 2)).toEqual(expected));
  it('a later copy is safe where it is younger than the compression', () => {
    expect(heldSource(second, 6, at(19, [24], [24]), 1)).toEqual({ first: 0, firstIn: [false, false], later: 1, any: 1, safe: true });
  });
  it('a prompt’s statement is never evicted', () => expect(heldSource(markText(said, 6).lookups[0], 6, at(3, [1], [1]), 1)).toBeNull());
  it('counts end at the first wrong one', () => {
    expect(lookupsHeld(said, 6, at(19, [20, 21], []), 1)).toEqual({
      right: 3, evictable: [['operand', 0, 1, 0.5, 0.5]], wrong: { kind: 'operand', bin: 0, held: { first: 0.5, firstIn: [true, false], later: 1, any: 1, safe: true } },
    });
  });
});

describe('on the bundled reasoner', () => {
  const knobs = { interval: 256, window: 128, ratio: 4 };
  let bundle: Bundle;
  let cell: RetentionCell;
  beforeAll(async () => {
    bundle = await openBundle('reasoner');
    const { rpc, recency } = frameArms(knobs);
    cell = await retentionCell(bundle, 'chains', { rpc, recency, 'rpc-heads': settlePolicy('rpc', { ...knobs, aggregation: 'head' }) }, { ...knobs, problems: 2 });
  });
  afterAll(() => bundle.dispose());

  it('every breakdown adds up to what RPC’s budget says', () => {
    const budget = sum(cell.compressions.map((count) => sum(Array.from({ length: count }, (_, n) => ((n + 1) * knobs.interval) / knobs.ratio))));
    expect(sum(cell.tokens.flat())).toBe(budget * knobs.ratio);
    expect(sum(cell.ages)).toBe(budget * knobs.ratio);
    for (const { held, ages, sets } of cell.arms) {
      expect(sum(held.flat())).toBeCloseTo(budget, 0);
      expect(sum(ages)).toBeCloseTo(budget, 0);
      expect(sum(sets.flat())).toBe(budget * sets.length);
    }
    expect(cell.arms.map(({ sets }) => sets.length)).toEqual([4, 4, 16]);
  });
  it('attention to classes is that to candidates, and none gets more than there is', () => {
    expect(sum(cell.attentionTo)).toBeCloseTo(sum(cell.attention.candidates), 1);
    cell.attention.candidates.forEach((own, i) => expect(own).toBeLessThan(cell.attention.all[i]));
    for (const { lost } of cell.arms.slice(0, 2)) lost!.forEach((own, i) => expect(own).toBeLessThan(cell.attention.candidates[i]));
    expect(cell.arms[2]).not.toHaveProperty('lost');
  });
  it('look-ups by layer are those by number of layers', () => {
    for (const { recall } of cell.arms.slice(0, 2)) {
      for (const { first, layers } of recall!) {
        for (const part of [0, 1]) {
          const weighted = sum(first.map((bin, n) => bin[part] * n));
          expect(sum(layers.map(([, holding]) => holding[part]))).toBeCloseTo(weighted, 1);
          for (const [without, holding] of layers) expect(without[part] + holding[part]).toBeCloseTo(sum(first.map((bin) => bin[part])), 1);
        }
      }
    }
    const bits = (of: number[]): number => sum(of);
    for (const { bits: own } of cell.arms) expect(bits(own)).toBeGreaterThan(bits(cell.bits)); // the full cache wrote the text
  });
  it('recency’s layers agree, and a copy in any is in the latest’s place', () => {
    const [, recency] = cell.arms;
    expect(recency.agreement).toEqual([1, 1]);
    expect(recency.copies.any).toEqual(recency.copies.latest);
    expect(cell.overlaps.map(({ arms }) => arms)).toEqual([['rpc', 'recency']]);
  });
  it('a map has the words after the prompt and a digit a token', async () => {
    const { words: own, compressions, views } = await retentionMap(bundle, 'chains', frameArms(knobs));
    for (const { held } of views.filter(({ arm }) => arm !== 'random-heads')) {
      expect(held.map(({ length }) => length)).toEqual(compressions);
      held.forEach((digits, n) => expect(sum([...digits].map(Number))).toBe(4 * (knobs.window + ((n + 1) * knobs.interval) / knobs.ratio)));
    }
    expect(own.at(-1)).toMatch(/\d/);
  });
});

it('refuses an interval at whose compressions no attention is noted, before anything runs', async () => {
  const knobs = { problems: 1, interval: 48, window: 32, ratio: 4 };
  await expect(retentionCell({} as Bundle, 'chains', {}, knobs)).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining('interval 48') });
  await expect(retentionCell({} as Bundle, 'chains', {}, { ...knobs, interval: 64, window: 16 })).rejects.toThrow(/window 16/);
});
