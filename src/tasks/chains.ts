import { Random } from './random.js';
import { finalAnswer, type Grade, type Problem, type Split, type Task, type WorkedProblem } from './task.js';
import { add, randomValue, show, type Value } from './values.js';

/**
 * The negative control: definitions form a random graph, each value is looked up at a random distance, so the last
 * queries do not say what will be needed next.
 */
export const chains: Task = { name: 'chains', version: 1, problem, worked, grade };

const version = 1;
const nodes = 48;

function worked(split: Split, index: number, scale = 1): WorkedProblem {
  const random = new Random('chains', version, split, index);
  const count = Math.max(4, Math.round(nodes * scale));
  const values: Value[] = [randomValue(random), randomValue(random)];
  const stated = values.map((value, i) => `v${i + 1} = ${show(value)} .`);
  const thoughts: string[] = [];
  for (let node = 2; node < count; node++) {
    const left = random.integer(0, node - 1);
    const right = (left + random.integer(1, node - 1)) % node;
    values.push(add(values[left], values[right]));
    const [name, first, second] = [node, left, right].map((i) => `v${i + 1}`);
    stated.push(`${name} is ${first} + ${second} .`);
    thoughts.push(`${name} is ${first} = ${show(values[left])} + ${second} = ${show(values[right])} , ${name} = ${show(values[node])} .`);
  }
  const answer = `v${count} = ${show(values[count - 1])}`;
  return {
    index,
    split,
    prompt: `<bos> ${stated.join(' ')} find v${count} . <think>`,
    answer,
    solution: `${thoughts.join(' ')} </think> ${answer} <eos>`,
  };
}

function problem(split: Split, index: number): Problem {
  const { solution: _, ...rest } = worked(split, index);
  return rest;
}

/** A look-up is right when a restated operand equals the value that the prompt or the output itself gave that name first. */
function grade(problem: Problem, output: string): Grade {
  const known = new Map<string, string>();
  for (const [, name, value] of problem.prompt.matchAll(/(v\d+) = (\d \d)/g)) known.set(name, value);
  const lookups = { right: 0, total: 0 };
  const thinking = output.split('</think>')[0];
  for (const [, defined, first, a, second, b, made] of thinking.matchAll(/(v\d+) is (v\d+) = (\d \d) \+ (v\d+) = (\d \d) , v\d+ = (\d \d)/g)) {
    for (const [name, value] of [[first, a], [second, b]]) {
      lookups.total++;
      if (known.get(name) === value) lookups.right++;
    }
    if (!known.has(defined)) known.set(defined, made);
  }
  const answer = finalAnswer(output);
  return { correct: answer === problem.answer, answer, lookups };
}
