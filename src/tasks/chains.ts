import { Random } from './random.js';
import { finalAnswer, unsolved, type Grade, type Problem, type Split, type TrainingTask, type WorkedProblem } from './task.js';
import { add, randomValue, show, type Value } from './values.js';

const version = 1;

/**
 * The negative control: definitions form a random graph, each value is looked up at a random distance, so the last
 * queries do not say what will be needed next. The model draws the graph itself as it goes, so that nearly all of the
 * cache is its own output.
 */
export const chains: TrainingTask = { name: 'chains', version, problem: (split, index) => unsolved(worked(split, index)), worked, grade };
const nodes = 48;
const given = 4; // values that the prompt states

function worked(split: Split, index: number, scale = 1): WorkedProblem {
  const random = new Random('chains', version, split, index);
  const count = Math.max(given + 2, Math.round(nodes * scale));
  const values: Value[] = Array.from({ length: given }, () => randomValue(random));
  const stated = values.map((value, i) => `v${i + 1} = ${show(value)} .`);
  const thoughts: string[] = [];
  for (let node = given; node < count; node++) {
    const left = random.integer(0, node - 1);
    const right = (left + random.integer(1, node - 1)) % node;
    values.push(add(values[left], values[right]));
    const [name, first, second] = [node, left, right].map((i) => `v${i + 1}`);
    thoughts.push(`${name} is ${first} = ${show(values[left])} + ${second} = ${show(values[right])} , ${name} = ${show(values[node])} .`);
  }
  const answer = `v${count}`;
  const solution = `${thoughts.join(' ')} </think> ${answer} = ${show(values[count - 1])} <eos>`;
  return { index, split, prompt: `<bos> ${stated.join(' ')} find v${count} . <think>`, answer, solution };
}

/**
 * A look-up is right when a restated operand equals the value that the prompt or the output itself gave that name first.
 * The answer is right when it is the value that the stated graph gives its last node, worked out anew.
 */
function grade(problem: Problem, output: string): Grade {
  const said = new Map<string, string>(); // as first stated
  for (const [, name, value] of problem.prompt.matchAll(/(v\d+) = (\d \d)/g)) said.set(name, value);
  const derived = new Map(said); // as the graph makes it
  const lookups = { right: 0, total: 0 };
  const thinking = output.split('</think>')[0];
  for (const [, defined, first, a, second, b, made] of thinking.matchAll(/(v\d+) is (v\d+) = (\d \d) \+ (v\d+) = (\d \d) , v\d+ = (\d \d)/g)) {
    for (const [name, value] of [[first, a], [second, b]]) {
      lookups.total++;
      if (said.get(name) === value) lookups.right++;
    }
    if (said.has(defined)) continue;
    said.set(defined, made);
    const operands = [derived.get(first), derived.get(second)];
    if (operands[0] && operands[1]) derived.set(defined, show(add(parse(operands[0]), parse(operands[1]))));
  }
  const answer = finalAnswer(output);
  return { correct: answer !== null && derived.has(problem.answer) && answer === `${problem.answer} = ${derived.get(problem.answer)}`, answer, lookups };
}

function parse(value: string): Value {
  const [first, second] = value.split(' ').map(Number);
  return [first, second];
}
