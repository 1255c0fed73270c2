import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tasks } from './registry.js';
import { finalAnswer, type Split } from './task.js';
import { vocabulary } from './vocabulary.js';
import { essay } from './essay.js';

type Pair = [number, number];

const unknown = (texts: string[]) => [...new Set(texts.join(' ').split(' '))].filter((token) => !vocabulary.includes(token));

/** Solves a problem apart from the generator: parses its text and calculates, with no trace of reasoning. */
function solve(name: string, prompt: string, solution: string): string {
  const values = new Map<string, Pair>();
  for (const [, key, a, b] of prompt.matchAll(/(\w+) = (\d) (\d) \./g)) values.set(key, [Number(a), Number(b)]);
  const sum = (left: Pair, right: Pair): Pair => left.map((digit, i) => (digit + right[i]) % 10) as Pair;
  const format = (key: string) => `${key} = ${values.get(key)!.join(' ')}`;
  if (name === 'chains') {
    // The graph is the solution's own; its values are calculated here.
    for (const line of solution.split(' . ')) {
      const words = line.split(' ');
      if (words[1] === 'is') values.set(words[0], sum(values.get(words[2])!, values.get(words[7])!));
    }
    return format(prompt.match(/find (v\d+)/)![1]);
  }
  const code = prompt.match(/code is x((?: \+ \w)+)/);
  if (code) {
    let value = values.get('x')!;
    for (const [, key] of code[1].matchAll(/\+ (\w)/g)) value = sum(value, values.get(key)!);
    values.set('code', value);
    return format('code');
  }
  for (const [, rounds, body] of prompt.matchAll(/part v\d (\d+) rounds :((?: \w is \w \+ \w \.)+)/g)) {
    const made = [...body.matchAll(/\w is (\w) \+ (\w)/g)].map(([, a, b]) => sum(values.get(a)!, values.get(b)!));
    for (let round = 0; round < Number(rounds); round++) for (const value of made) values.set('x', sum(values.get('x')!, value));
  }
  return format('x');
}

describe.each(Object.values(tasks))('task $name', (task) => {
  const splits: Split[] = ['tune', 'test'];

  it('agrees with a solver written apart, on 200 problems', () => {
    for (const split of splits) {
      for (let i = 0; i < 100; i++) {
        const { prompt, solution } = task.worked(split, i);
        expect(finalAnswer(solution)).toBe(solve(task.name, prompt, solution));
        expect(finalAnswer(solution)!.startsWith(task.problem(split, i).answer)).toBe(true);
      }
    }
  });

  it('grades its own worked solution right, and one with another answer or none wrong', () => {
    for (let i = 0; i < 100; i++) {
      const worked = task.worked('tune', i);
      const answer = finalAnswer(worked.solution)!;
      expect(task.grade(worked, worked.solution)).toMatchObject({ correct: true, answer });
      const other = answer.slice(0, -1) + ((Number(answer.at(-1)) + 1) % 10);
      expect(task.grade(worked, `${worked.solution.split('</think>')[0]}</think> ${other} <eos>`).correct).toBe(false);
      expect(task.grade(worked, worked.solution.split('</think>')[0])).toMatchObject({ correct: false, answer: null });
    }
  });

  it('gives the same problem whatever was drawn before, and different ones by index and split', () => {
    expect(task.problem('tune', 7)).toEqual(task.problem('tune', 7));
    const prompts = new Set(splits.concat('train').flatMap((split) => Array.from({ length: 300 }, (_, i) => task.problem(split, i).prompt)));
    expect(prompts.size).toBe(900);
  });

  it('uses only tokens of the vocabulary', () => {
    const texts = Array.from({ length: 50 }, (_, i) => task.worked('tune', i));
    expect(unknown(texts.map(({ prompt, solution }) => `${prompt} ${solution}`))).toEqual([]);
  });
});

it('chains counts a wrongly restated operand', () => {
  const worked = tasks.chains.worked('tune', 3);
  const broken = worked.solution.replace(/(v\d+ is v\d+ = )(\d)/, (_, head, digit) => head + ((Number(digit) + 1) % 10));
  const { lookups } = tasks.chains.grade(worked, broken);
  expect(lookups).toEqual({ right: lookups!.total - 1, total: 88 }); // 44 lines of two operands
});

it('pins what a version means: a changed problem asks for a raised version', () => {
  const hash = (name: string) =>
    createHash('sha256').update(Array.from({ length: 50 }, (_, i) => JSON.stringify(tasks[name].worked('tune', i))).join('\n')).digest('hex').slice(0, 12);
  expect(Object.fromEntries(Object.values(tasks).map((task) => [`${task.name} ${task.version}`, hash(task.name)]))).toMatchInlineSnapshot(`
    {
      "chains 1": "b031772f3e03",
      "loops 1": "3ecbaa3c7823",
      "passcode 1": "2d07411f7ad5",
    }
  `);
});

it('essays use only tokens of the vocabulary and differ', () => {
  const texts = Array.from({ length: 50 }, (_, i) => essay('tune', i));
  expect(unknown(texts.map(({ prompt, output }) => `${prompt} ${output}`))).toEqual([]);
  expect(new Set(texts.map(({ output }) => output)).size).toBe(50);
});
