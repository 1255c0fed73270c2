import { describe, expect, it } from 'vitest';
import { tasks } from './registry.js';
import { lookupsOf, repeatedStatements, statementsOf } from './statements.js';
import { classesOf, tokenClasses } from './token-classes.js';

const words = (text: string): string[] => text.split(' ');
const at = (text: string, part: string): number => words(text.slice(0, text.indexOf(part))).length - 1; // index of the first word of `part`

describe('classes of token, by hand', () => {
  it.each([
    ['v5 is v2 = 1 2 + v3 = 4 5 , v5 = 5 7 .', 'name operator name operator restated restated operator name operator restated restated separator name operator result result separator'],
    ['part v1 30 rounds : x = 3 4 .', 'word name counter word separator name operator restated restated separator'],
    ['+ a -> 5 6 , + b -> 7 8 . 12 left .', 'operator name operator running running separator operator name operator running running separator counter word separator'],
    ['wait : 3 4 + c -> 5 6 , yes . 9 left .', 'word separator restated restated operator name operator running running separator word separator counter word separator'],
    ['code : x = 1 1 . + p -> 3 4 . code = 3 4 .', 'name separator name operator restated restated separator operator name operator running running separator name operator passcode passcode separator'],
  ])('%s', (text, expected) => {
    const names: Record<string, string> = { restated: 'restated value', running: 'running value' };
    expect(classesOf(words(text))).toEqual(words(expected).map((one) => names[one] ?? one));
  });

  it.each(Object.keys(tasks))('every word of %s has one, and every class of the task occurs', (task) => {
    const { prompt, solution } = tasks[task].worked('tune', 0);
    const classes = classesOf(words(`${prompt} ${solution}`));
    expect(classes).toHaveLength(words(`${prompt} ${solution}`).length);
    const absent = { loops: ['passcode'], chains: ['running value', 'passcode', 'counter'], passcode: [] }[task]!;
    expect(tokenClasses.filter((one) => !classes.includes(one))).toEqual(absent);
  });
});

describe('statements and their copies, by hand', () => {
  const text = 'v1 = 1 2 . v2 is v1 = 1 2 + v1 = 1 3 , v2 = 2 5 . + v2 -> 2 5 , + v2 -> 2 5';
  it('are found with their places', () => {
    expect(statementsOf(words(text)).map(({ name, form, value, at }) => [name, form, value, at])).toEqual([
      ['v1', '=', '1 2', 2], ['v1', '=', '1 2', 9], ['v1', '=', '1 3', 14], ['v2', '=', '2 5', 19], ['v2', '->', '2 5', 25], ['v2', '->', '2 5', 31],
    ]);
  });
  it('are copies where they say the same in the same form', () => {
    expect(repeatedStatements(statementsOf(words(text))).map((group) => group.map((one) => one.at))).toEqual([[2, 9], [25, 31]]);
  });
});

describe('look-ups, by hand', () => {
  it('operands of chains: each earlier statement of the right value is a source', () => {
    const text = '<bos> v1 = 1 2 . find v3 . <think> v2 is v1 = 1 2 + v1 = 9 9 , v2 = 0 1 . v3 is v1 = 1 2 + v2 = 0 1 , v3 = 1 3 . </think> v3 = 1 4 <eos>';
    expect(lookupsOf(words(text)).map(({ kind, name, right, sources }) => [kind, name, right, sources])).toEqual([
      ['operand', 'v1', true, [3]],
      ['operand', 'v1', false, [3, at(text, '1 2 + v1')]],
      ['operand', 'v1', true, [3, at(text, '1 2 + v1')]],
      ['operand', 'v2', true, [at(text, '0 1 . v3')]],
      ['answer', 'v3', false, [at(text, '1 3 . </think>')]],
    ]);
  });
  it('steps of loops: x as it stands plus the definition, in rounds and re-checks', () => {
    const text = 'x = 1 1 . p = 2 2 . a is p = 2 2 + x = 1 1 , a = 3 3 . + a -> 4 4 . 1 left . wait : 1 1 + a -> 4 4 , yes . 1 left . + a -> 7 8 . 0 left . + z -> 1 1';
    expect(lookupsOf(words(text)).map(({ kind, name, right, sources }) => [kind, name, right, sources])).toEqual([
      ['operand', 'p', true, [7]],
      ['step', 'a', true, [at(text, '3 3')]],
      ['step', 'a', true, [at(text, '3 3')]],
      ['step', 'a', false, [at(text, '3 3')]],
    ]);
  });
  it.each(Object.keys(tasks))('a flawless solution of %s has only right ones', (task) => {
    for (let index = 0; index < 20; index++) {
      const { prompt, solution } = tasks[task].worked('tune', index);
      const all = lookupsOf(words(`${prompt} ${solution}`));
      expect(all.length).toBeGreaterThan(40);
      expect(all.filter(({ right }) => !right)).toEqual([]);
      for (const { at: place, sources } of all) expect(sources.every((source) => source < place)).toBe(true);
    }
  });
  it('counts of chains are the grader’s own', () => {
    const { prompt, solution, ...problem } = tasks.chains.worked('tune', 3);
    const spoilt = solution.replace(/\+ v3 = \d \d/g, '+ v3 = 0 0');
    const { right, total } = tasks.chains.grade({ ...problem, prompt }, spoilt).lookups!;
    const operands = lookupsOf(words(`${prompt} ${spoilt}`)).filter(({ kind }) => kind === 'operand');
    expect([operands.filter((one) => one.right).length, operands.length]).toEqual([right, total]);
    expect(right).toBeLessThan(total);
  });
});
