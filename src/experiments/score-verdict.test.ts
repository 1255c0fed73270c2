import { describe, expect, it } from 'vitest';
import { wilson } from '../analysis/statistics.js';
import { armAccuracy, armDifference, armOutcomes, scoreRules, scoreVerdicts } from './score-verdict.js';

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
      ...cellsOf('chains', [60, 60, 60], [100, 100, 100], [190, 190, 190]),
      ...cellsOf('even', [100, 100, 100], [100, 100, 100], [190, 190, 190]),
      ...cellsOf('blind', [160, 160, 160], [100, 100, 100], [110, 110, 110]),
      ...cellsOf('split', [170, 170, 80], [100, 100, 100], [190, 190, 190]),
    ];
    const verdicts = scoreVerdicts(cells);
    expect(verdicts.map(({ task, verdict }) => [task, verdict])).toEqual([
      ['loops', 'better'],
      ['chains', 'worse'],
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
