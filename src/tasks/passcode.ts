import { Random } from './random.js';
import { randomPart, statePart, workPart } from './rounds.js';
import { gradeExactly, unsolved, type Split, type TrainingTask, type WorkedProblem } from './task.js';
import { add, randomValue, show, type Value } from './values.js';

const version = 1;

/**
 * A fact stated once in the model's own output, asked for some thousand tokens later, after work that never mentions it.
 * The code takes three steps to make, so that it can't simply be read off the prompt at the end.
 */
export const passcode: TrainingTask = { name: 'passcode', version, problem: (split, index) => unsolved(worked(split, index)), worked, grade: gradeExactly };

function worked(split: Split, index: number, scale = 1): WorkedProblem {
  const random = new Random('passcode', version, split, index);
  const names = ['p', 'q', 'r'];
  const start = randomValue(random);
  const constants = new Map<string, Value>(names.map((name) => [name, randomValue(random)]));
  const terms = names.map((name) => ({ name, at: random.unit() })).sort((a, b) => a.at - b.at);
  const part = randomPart(random, 'v1', ['a', 'b', 'c'], names, Math.max(1, Math.round(random.integer(30, 42) * scale)));
  const given = [...constants].map(([name, value]) => `${name} = ${show(value)} .`).join(' ');
  const recipe = terms.map((t) => `+ ${t.name}`).join(' ');
  const prompt = `<bos> x = ${show(start)} . ${given} code is x ${recipe} . ${statePart(part)} find code . <think>`;
  let code = start;
  const steps = terms.map((t) => `+ ${t.name} -> ${show((code = add(code, constants.get(t.name)!)))}`);
  const answer = `code = ${show(code)}`;
  const made = `code : x = ${show(start)} . ${steps.join(' , ')} . ${answer} .`;
  const done = workPart(random, part, start, constants);
  return { index, split, prompt, answer, solution: `${made} ${done.text} </think> ${answer} <eos>` };
}
