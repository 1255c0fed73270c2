import { describe, expect, it } from 'vitest';
import { shareInterval, wilson } from '../analysis/statistics.js';
import { armAccuracy, armDifference, armOutcomes, primaryOutcome, scoreRules, scoreVerdicts } from './score-verdict.js';

const models = ['one', 'two', 'three'];
const digits = (right: number, of: number): string => Array.from({ length: of }, (_, i) => ((i * 37) % of < right ? '1' : '0')).join('');
/** Right answers of 200 in each model: RPC, random (three draws), the oracle. */
function cellsOf(task: string, rpc: number[], random: number[], oracle: number[]) {
  return models.flatMap((model, m) => [
    { model, task, arm: 'rpc', correct: digits(rpc[m]!, 200) },
    ...[0, 1, 2].map(() => ({ model, task, arm: 'random-persistent', correct: digits(random[m]!, 200) })),
    { model, task, arm: 'lookahead', correct: digits(oracle[m]!, 200).slice(0, 100) },
  ]);
}

describe('the verdict', () => {
  it('tells better, worse, equivalent, uninformative and undecided apart', () => {
    const cells = [
      ...cellsOf('loops', [160, 150, 170], [100, 100, 100], [190, 190, 190]),
      ...cellsOf('worse', [60, 60, 60], [100, 100, 100], [190, 190, 190]),
      ...cellsOf('even', [100, 100, 100], [100, 100, 100], [190, 190, 190]),
      ...cellsOf('blind', [160, 160, 160], [100, 100, 100], [110, 110, 110]),
      ...cellsOf('split', [170, 170, 80], [100, 100, 100], [190, 190, 190]),
    ];
    const verdicts = scoreVerdicts(cells);
    expect(verdicts.map(({ task, verdict }) => [task, verdict])).toEqual([
      ['loops', 'better'],
      ['worse', 'worse'],
      ['even', 'equivalent'],
      ['blind', 'uninformative'],
      ['split', 'undecided'], // its mean differs from 0, but one model goes the other way
    ]);
    const [loops] = verdicts;
    // By hand: (60 + 50 + 70) / 3 of 200; the oracle's first hundred problems against random's first hundred.
    expect(loops!.together.mean).toBeCloseTo(0.3, 12);
    expect(loops!.each.map(({ mean }) => mean)).toEqual([0.3, 0.25, 0.35].map((value) => expect.closeTo(value, 12)));
    expect(loops).toMatchObject({ problems: 200, models, agree: true, equivalent: false, informative: true, oracle: { problems: 100 } });
    expect(loops!.holm).toBeCloseTo(5 * loops!.together.p, 12); // all four that differ have the least p-value that resampling shows
    expect(loops!.together.p).toBeCloseTo(2 / (scoreRules.resamples + 1), 12);
    expect(verdicts[4]!.agree).toBe(false);
  });

  it('says undecided where equality is not shown', () => {
    // Of 60 problems 6 are discordant, evenly: no difference, and an interval far wider than 3 points.
    const arm = (name: string, correct: string) => ({ model: 'one', task: 'loops', arm: name, correct });
    const cells = [arm('rpc', '111000'.repeat(10)), arm('random-persistent', '110100'.repeat(10)), arm('lookahead', '111111'.repeat(10))];
    expect(scoreVerdicts(cells)[0]).toMatchObject({ verdict: 'undecided', equivalent: false });
  });
});

it('puts a problem’s draws beside each other, and names what is missing', () => {
  const cells = ['10', '11', '01'].map((correct) => ({ model: 'one', task: 'loops', arm: 'random-persistent', correct }));
  expect(armOutcomes(cells, { task: 'loops', model: 'one', arm: 'random-persistent' })).toEqual([[1, 1, 0], [0, 1, 1]]);
  expect(() => armDifference(cells, 'loops', ['rpc', 'random-persistent'])).toThrow('no arm rpc on loops with one');
  expect(armAccuracy(cells, { task: 'loops', model: 'one', arm: 'random-persistent' }).mean).toBeCloseTo(4 / 6, 12);
  expect(armAccuracy(cells.slice(0, 1), { task: 'loops', model: 'one', arm: 'random-persistent' })).toEqual(wilson(1, 2));
  const uneven = [...cells, { ...cells[0]!, correct: '1' }];
  expect(() => armOutcomes(uneven, { task: 'loops', model: 'one', arm: 'random-persistent' })).toThrow('draws of 2, 2, 2, 1 problems');
});

describe('look-ups, the primary outcome of chains', () => {
  const cell = (model: string, arm: string, shares: number[]) => ({ model, task: 'chains', arm, correct: shares.map((share) => Number(share === 1)).join(''), shares });
  const place = { task: 'chains', model: 'one', arm: 'random-persistent' };

  it('decide chains, and right or wrong the others', () => {
    expect(['loops', 'chains', 'passcode'].map((task) => primaryOutcome(task))).toEqual(['correct', 'lookups', 'correct']);
    const cells = [cell('one', 'random-persistent', [0.5, 1, 0]), cell('one', 'random-persistent', [0.25, 0.5, 0])];
    expect(armOutcomes(cells, place)).toEqual([[0.5, 0.25], [1, 0.5], [0, 0]]);
    expect(armOutcomes(cells, { ...place, outcome: 'correct' })).toEqual([[0, 0], [1, 0], [0, 0]]);
    expect(armAccuracy(cells, place).mean).toBeCloseTo(2.25 / 6, 12);
    expect(armAccuracy(cells, { ...place, outcome: 'correct' }).mean).toBeCloseTo(1 / 6, 12);
    // One draw: a mean of shares by the bootstrap, whole problems by Wilson.
    expect(armAccuracy(cells.slice(0, 1), place)).toEqual(shareInterval([[0.5], [1], [0]]));
    expect(armAccuracy(cells.slice(0, 1), { ...place, outcome: 'correct' })).toEqual(wilson(1, 3));
    expect(() => armOutcomes([{ ...cells[0]!, shares: undefined }], place)).toThrow('arm random-persistent on chains with one: counts no look-ups');
    expect(() => armOutcomes([{ ...cells[0]!, task: 'loops', shares: undefined }], { ...place, task: 'loops', outcome: 'lookups' })).toThrow('counts no look-ups');
  });

  it('tell scores apart where no arm solves a whole problem', () => {
    const about = (share: number) => Array.from({ length: 100 }, (_, i) => share + 0.1 * ((i % 5) - 2)); // spread 0.14
    const cells = models.flatMap((model, m) => [
      cell(model, 'rpc', about(0.5 + 0.01 * m)),
      cell(model, 'random-persistent', about(0.4)),
      cell(model, 'random-persistent', about(0.3)),
      cell(model, 'lookahead', about(0.7).slice(0, 50)),
    ]);
    const [chains] = scoreVerdicts(cells);
    // By hand: 0.5, 0.51 and 0.52 less (0.4 + 0.3) / 2.
    expect(chains!.each.map(({ mean }) => mean)).toEqual([0.15, 0.16, 0.17].map((value) => expect.closeTo(value, 12)));
    expect(chains!.together.mean).toBeCloseTo(0.16, 12);
    expect(chains).toMatchObject({ verdict: 'better', informative: true, problems: 100, oracle: { problems: 50 } });
    expect(chains!.oracle.together.mean).toBeCloseTo(0.35, 12);
    const whole = armDifference(cells, 'chains', ['rpc', 'random-persistent'], { outcome: 'correct' });
    expect(whole.together.mean).toBe(0);
  });
});
