import { createHash } from 'node:crypto';
import type { Task } from '../tasks/task.js';
import type { SweepFile } from './file.js';

const hashedProblems = 100;

/** Over the first problems, prompt and answer: a task that was changed without a new version is told apart. */
export function taskHash(task: Task, { split, problems }: Pick<SweepFile['tasks'][number], 'split' | 'problems'>): string {
  const hash = createHash('sha256');
  for (let i = 0; i < Math.min(hashedProblems, problems); i++) {
    const { prompt, answer } = task.problem(split, i);
    hash.update(`${prompt}\u0000${answer}\u0000`);
  }
  return hash.digest('hex');
}
