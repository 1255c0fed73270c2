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
  /** Whole problems (`correct`: right or wrong) unless stated here: no arm solves whole problems of these tasks. */
  outcome: { chains: 'lookups' },
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

/** A problem right or wrong, or the share of its look-ups that are right. */
export type ScoreOutcome = 'correct' | 'lookups';

/** A task's primary outcome, by the rules. */
export function primaryOutcome(task: string, rules: Pick<typeof scoreRules, 'outcome'> = scoreRules): ScoreOutcome {
  return (rules.outcome as Record<string, ScoreOutcome>)[task] ?? 'correct';
}

/** Draws of one arm; the outcome is the task's primary one if left out. */
export interface ArmPlace {
  task: string;
  model: string;
  arm: string;
  outcome?: ScoreOutcome;
}

type Contrasted = Pick<ScoreCell, 'model' | 'task' | 'arm' | 'correct' | 'shares'>;

/**
 * Outcomes of an arm, draws of a problem beside each other.
 * @returns (problems)(draws), each 0 to 1
 * @throws PathPressError BAD_OPTION where there is no such cell, its draws have different problems, or it has no look-ups
 */
export function armOutcomes(cells: readonly Contrasted[], { task, model, arm, outcome = primaryOutcome(task) }: ArmPlace): number[][] {
  const draws = cells.filter((cell) => cell.task === task && cell.model === model && cell.arm === arm);
  const what = `arm ${arm} on ${task} with ${model}`;
  if (draws.length === 0) throw new PathPressError('BAD_OPTION', `no ${what}`);
  const values = draws.map(({ correct, shares }) => (outcome === 'correct' ? Array.from(correct, Number) : shares));
  if (!values.every((each) => each !== undefined)) throw new PathPressError('BAD_OPTION', `${what}: counts no look-ups`);
  const counts = values.map(({ length }) => length);
  if (new Set(counts).size > 1) throw new PathPressError('BAD_OPTION', `${what}: draws of ${counts.join(', ')} problems`);
  return values[0]!.map((_, i) => values.map((each) => each[i]!));
}

/**
 * Mean outcome of an arm, 95 %: Wilson for right or wrong with one draw, else `shareInterval`.
 * @throws as `armOutcomes`
 */
export function armAccuracy(cells: readonly Contrasted[], at: ArmPlace): Interval {
  const problems = armOutcomes(cells, at);
  const { outcome = primaryOutcome(at.task) } = at;
  const trials = outcome === 'correct' && problems.every((draws) => draws.length === 1);
  return trials ? wilson(problems.filter(([right]) => right).length, problems.length) : shareInterval(problems);
}

/**
 * Mean outcome of the first arm less that of the second, over the problems that both have with every model.
 * @param outcome the task's primary one if left out
 * @throws as `armOutcomes`
 */
export function armDifference(
  cells: readonly Contrasted[],
  task: string,
  arms: readonly [string, string],
  { outcome, ...options }: BootstrapOptions & { outcome?: ScoreOutcome } = {},
): ArmDifference {
  const models = [...new Set(cells.filter((cell) => cell.task === task).map(({ model }) => model))];
  const whole = models.map((model) => arms.map((arm) => armOutcomes(cells, { task, model, arm, outcome })));
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
  const how = (task: string) => ({ resamples, seed, outcome: primaryOutcome(task, rules) });
  const contrasts = tasks.map((task) => armDifference(cells, task, primary, how(task)));
  const adjusted = holm(contrasts.map(({ together }) => together.p));
  return tasks.map((task, i) => {
    const contrast = contrasts[i]!;
    const { each, together } = contrast;
    const oracle = armDifference(cells, task, [best, primary[1]], how(task));
    const informative = oracle.together.mean >= rules.informative;
    const agree = each.every(({ mean }: TestedDifference) => Math.sign(mean) === Math.sign(together.mean));
    const equivalent = each.every((one) => isEquivalent(one, rules.margin));
    const told = adjusted[i]! <= rules.level && agree;
    const verdict = !informative ? 'uninformative' : told ? (together.mean > 0 ? 'better' : 'worse') : equivalent ? 'equivalent' : 'undecided';
    return { task, ...contrast, holm: adjusted[i]!, oracle, informative, agree, equivalent, verdict };
  });
}
