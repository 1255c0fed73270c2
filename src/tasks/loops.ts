import { Random } from './random.js';
import { randomPart, statePart, workPart } from './rounds.js';
import { gradeExactly, unsolved, type Split, type TrainingTask, type WorkedProblem } from './task.js';
import { randomValue, show, type Value } from './values.js';

const version = 1;

/**
 * What was computed in one round is needed again in the next: the task in which recent attention tells what will be
 * needed. A round is 20 to 36 tokens with its re-check, so a window of 32 spans one. Made so that RPC's assumption holds.
 */
export const loops: TrainingTask = { name: 'loops', version, problem: (split, index) => unsolved(worked(split, index)), worked, grade: gradeExactly };

function worked(split: Split, index: number, scale = 1): WorkedProblem {
  const random = new Random('loops', version, split, index);
  const names = ['p', 'q', 'r'];
  const start = randomValue(random);
  const constants = new Map<string, Value>(names.map((name) => [name, randomValue(random)]));
  const rounds = () => Math.max(1, Math.round(random.integer(24, 38) * scale));
  const parts = [randomPart(random, 'v1', ['a', 'b', 'c'], names, rounds()), randomPart(random, 'v2', ['d', 'e', 'f'], names, rounds())];
  const given = [...constants].map(([name, value]) => `${name} = ${show(value)} .`).join(' ');
  const prompt = `<bos> x = ${show(start)} . ${given} ${parts.map(statePart).join(' ')} find x . <think>`;
  let x = start;
  const thoughts: string[] = [];
  for (const part of parts) {
    const done = workPart(random, part, x, constants);
    thoughts.push(done.text);
    x = done.x;
  }
  const answer = `x = ${show(x)}`;
  return { index, split, prompt, answer, solution: `${thoughts.join(' ')} </think> ${answer} <eos>` };
}
