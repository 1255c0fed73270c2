/** Problems to train on, to choose settings with, and for the final comparison alone. */
export type Split = 'train' | 'tune' | 'test';

/** A problem of a benchmark, with its right answer. */
export interface Problem {
  index: number;
  split: Split;
  /** Text to tokenise as it stands: special tokens are written in it. */
  prompt: string;
  answer: string;
}

/** A problem with the reasoning that a flawless model would write: what the bundled models are trained on. */
export interface WorkedProblem extends Problem {
  solution: string;
}

/** What a grader says of an output. */
export interface Grade {
  correct: boolean;
  /** The answer that the output gave, null where it gave none. */
  answer: string | null;
  /** Of `chains`: restated values that equal their own earlier statement. */
  lookups?: { right: number; total: number };
}

/** What an evaluation needs of a benchmark: problems that are functions of (version, split, index), and a grader. */
export interface Task {
  name: string;
  /** Raised whenever a change could move a number. */
  version: number;
  /** The problem at `index`, from 0 on: the same in every run. */
  problem(split: Split, index: number): Problem;
  /** Says whether an output is right: the generated text, thinking and special tokens included. */
  grade(problem: Problem, output: string): Grade;
}

/** A benchmark that a model can be trained on. */
export interface TrainingTask extends Task {
  /** `scale` in (0, 1] shrinks the problem for the training's curriculum; 1 is what is evaluated. */
  worked(split: Split, index: number, scale?: number): WorkedProblem;
}

/** What stands between `</think>` and the end; null where the thinking never ended. */
export function finalAnswer(output: string): string | null {
  const end = output.lastIndexOf('</think>');
  if (end < 0) return null;
  return output.slice(end + '</think>'.length).replace('<eos>', '').trim();
}

/** A problem without its solution: what an evaluation may see. */
export function unsolved({ solution: _, ...problem }: WorkedProblem): Problem {
  return problem;
}

/** Right when the final answer is the problem's, word for word. */
export function gradeExactly(problem: Problem, output: string): Grade {
  const answer = finalAnswer(output);
  return { correct: answer === problem.answer, answer };
}
