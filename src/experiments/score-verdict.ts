/** Does the score matter? Differences of arms over models, and what the rules written down before the test say of them. */
import { holm, isEquivalent } from '../analysis/decision.js';
import { shareInterval, wilson, type BootstrapOptions, type Interval } from '../analysis/statistics.js';
import { strataDifference, type StrataDifference, type TestedDifference } from '../analysis/strata.js';
import { PathPressError } from '../engine/errors.js';
import type { ScoreCell } from './score-cells.js';

/** What was decided before any test problem was run; `data/records/08-plan.md` states it. */
export const scoreRules = {
  /** The one primary contrast of each task: the first less the second. */
  primary: ['rpc', 'random-persistent'],
  /** Below so much of this arm less the second of the primary contrast, mean over models, a task cannot tell scores apart. */
  oracle: 'lookahead',
  informative: 0.1,
  /** Of Holm's adjusted p-values over the tasks. */
  level: 0.05,
  /** Each model's 95 % interval must lie within ± this for the verdict `equivalent`. */
  margin: 0.03,
  /** Least time-mean of full entries over kept entries, in the first arm of the primary contrast with each model. */
  compression: 2.5,
  resamples: 10_000,
  seed: 0,
} as const;

/** `better` and `worse` are of RPC; `equivalent` within the margin in each model; `undecided` is none of these. */
export type ScoreVerdict = 'uninformative' | 'better' | 'worse' | 'equivalent' | 'undecided';

/** Two arms on the same problems with each model, and together. */
export interface ArmDifference extends StrataDifference {
  models: string[];
  problems: number;
}

/** A task's primary contrast and what follows from it. */
export interface TaskVerdict extends ArmDifference {
  task: string;
  /** Adjusted over the tasks. */
  holm: number;
  oracle: ArmDifference;
  informative: boolean;
  /** All models' differences have the sign of their mean. */
  agree: boolean;
  /** Each model's interval lies within the margin. */
  equivalent: boolean;
  verdict: ScoreVerdict;
}

type Contrasted = Pick<ScoreCell, 'model' | 'task' | 'arm' | 'correct'>;

/**
 * Right or wrong of an arm on the first problems, draws of a problem beside each other.
 * @param problems as many as the arm has if left out
 * @returns (problems)(draws), each 0 or 1
 * @throws PathPressError BAD_OPTION where there is no such cell, or its draws have different problems
 */
export function armOutcomes(cells: readonly Contrasted[], at: { task: string; model: string; arm: string }, problems?: number): number[][] {
  const draws = cells.filter((cell) => cell.task === at.task && cell.model === at.model && cell.arm === at.arm).map(({ correct }) => correct);
  const what = `arm ${at.arm} on ${at.task} with ${at.model}`;
  if (draws.length === 0) throw new PathPressError('BAD_OPTION', `no ${what}`);
  const counts = draws.map(({ length }) => length);
  if (new Set(counts).size > 1) throw new PathPressError('BAD_OPTION', `${what}: draws of ${counts.join(', ')} problems`);
  const { length = 0 } = draws[0]!;
  return Array.from({ length: Math.min(length, problems ?? length) }, (_, i) => draws.map((correct) => Number(correct[i])));
}

/**
 * Accuracy of an arm, 95 %: Wilson with one draw, else a bootstrap by problem.
 * @throws as `armOutcomes`
 */
export function armAccuracy(cells: readonly Contrasted[], at: { task: string; model: string; arm: string }): Interval {
  const problems = armOutcomes(cells, at);
  const single = problems.every((draws) => draws.length === 1);
  return single ? wilson(problems.filter(([right]) => right).length, problems.length) : shareInterval(problems);
}

/**
 * Accuracy of the first arm less that of the second, over the problems that both have with every model.
 * @throws as `armOutcomes`
 */
export function armDifference(cells: readonly Contrasted[], task: string, arms: readonly [string, string], options: BootstrapOptions = {}): ArmDifference {
  const models = [...new Set(cells.filter((cell) => cell.task === task).map(({ model }) => model))];
  const whole = models.map((model) => arms.map((arm) => armOutcomes(cells, { task, model, arm })));
  const problems = Math.min(...whole.flat().map(({ length }) => length));
  const paired = whole.map(([a, b]) => ({ a: a!.slice(0, problems), b: b!.slice(0, problems) }));
  return { models, problems, ...strataDifference(paired, options) };
}

/**
 * The primary contrast of every task, in order of appearance, and its verdict: `uninformative` where the oracle is too
 * close to chance; else `better` or `worse` where Holm's p-value of the mean over models is at most the level and all models
 * agree in sign; else `equivalent` where each model by itself is; else `undecided`.
 * @throws as `armOutcomes`
 */
export function scoreVerdicts(cells: readonly Contrasted[], rules: typeof scoreRules = scoreRules): TaskVerdict[] {
  const { primary, oracle: best, resamples, seed } = rules;
  const tasks = [...new Set(cells.map(({ task }) => task))];
  const contrasts = tasks.map((task) => armDifference(cells, task, primary, { resamples, seed }));
  const adjusted = holm(contrasts.map(({ together }) => together.p));
  return tasks.map((task, i) => {
    const contrast = contrasts[i]!;
    const { each, together } = contrast;
    const oracle = armDifference(cells, task, [best, primary[1]], { resamples, seed });
    const informative = oracle.together.mean >= rules.informative;
    const agree = each.every(({ mean }: TestedDifference) => Math.sign(mean) === Math.sign(together.mean));
    const equivalent = each.every((one) => isEquivalent(one, rules.margin));
    const told = adjusted[i]! <= rules.level && agree;
    const verdict = !informative ? 'uninformative' : told ? (together.mean > 0 ? 'better' : 'worse') : equivalent ? 'equivalent' : 'undecided';
    return { task, ...contrast, holm: adjusted[i]!, oracle, informative, agree, equivalent, verdict };
  });
}
