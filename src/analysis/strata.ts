/** A difference of two arms measured with several models on the same problems: each model by itself, then together. */
import { PathPressError } from '../engine/errors.js';
import { randomBits, randomIndex } from './random.js';
import { checkBootstrap, mean, quantile, summingSlack as slack, unseenDifference, type BootstrapOptions, type Interval } from './statistics.js';

/** Shares (0 to 1) of two arms with one model, (problems)(draws) each; a problem's draws say nothing of another problem's. */
export interface PairedOutcomes {
  a: readonly (readonly number[])[];
  b: readonly (readonly number[])[];
}

/** Mean of a less mean of b. */
export interface TestedDifference extends Interval {
  /**
   * Two-sided: twice the smaller share of resamples on either side of 0, the estimate counted among them; of a sign test
   * where no problem differs from another, since resampling shows nothing then.
   */
  p: number;
  pairs: number;
}

/** Each model's difference in the order given, and the mean over models, each weighing the same. */
export interface StrataDifference {
  each: TestedDifference[];
  together: TestedDifference;
}

/**
 * Percentile bootstrap in two stages: problems are drawn anew, the same ones for all models, which all ran them; then the
 * draws of each drawn problem, within each model and arm. Models are fixed strata: nothing is said of models not run.
 * Drawing at both stages counts the spread of K draws (K + K − 1) / K times where once would do: wider, never narrower.
 * Where no problem differs from another the interval follows `unseenDifference`, and p is of a sign test.
 * @param models at least one; all of the same problems in the same order, every problem with at least one draw in both arms
 * @throws BAD_OPTION where there is no model or problem, models or arms differ in problems, a problem has no draw, a draw is
 *   not finite, or an option is out of range
 */
export function strataDifference(models: readonly PairedOutcomes[], options: BootstrapOptions = {}): StrataDifference {
  const { seed = 0, resamples = 2000, level = 0.95 } = options;
  checkBootstrap({ resamples, level });
  const problems = checked(models);
  const arms = models.map(({ a, b }) => [a, b].map((arm) => arm.map(drawable)));
  const drawn = models.map(() => new Float64Array(resamples)); // (models)(resamples)
  const chosen = new Int32Array(problems);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < problems; i++) chosen[i] = randomIndex(problems, seed, r * problems + i);
    arms.forEach(([a, b], m) => {
      let sum = 0;
      for (let i = 0; i < problems; i++) {
        const counter = r * problems + i;
        sum += redrawn(a[chosen[i]], seed, counter, 2 * m + 1) - redrawn(b[chosen[i]], seed, counter, 2 * m + 2);
      }
      drawn[m][r] = sum / problems;
    });
  }
  const estimates = models.map(({ a, b }) => mean(a.map((draws, i) => mean(draws) - mean(b[i]))));
  const all = Float64Array.from({ length: resamples }, (_, r) => mean(drawn.map((values) => values[r])));
  return {
    each: estimates.map((estimate, m) => tested(estimate, drawn[m], problems, level)),
    together: tested(mean(estimates), all, problems, level),
  };
}

function checked(models: readonly PairedOutcomes[]): number {
  const counts = models.flatMap(({ a, b }) => [a.length, b.length]);
  const [problems = 0] = counts;
  if (problems === 0) throw new PathPressError('BAD_OPTION', 'a difference needs at least one model and one problem');
  if (counts.some((count) => count !== problems)) {
    throw new PathPressError('BAD_OPTION', `models and arms must cover the same problems: ${counts.join(', ')}`);
  }
  models.forEach(({ a, b }, m) => {
    const empty = [a, b].flatMap((arm) => arm.findIndex((draws) => draws.length === 0)).find((index) => index >= 0);
    if (empty !== undefined) throw new PathPressError('BAD_OPTION', `model ${m}: problem ${empty} has no draw`);
    const odd = [...a, ...b].flat().find((draw) => !Number.isFinite(draw)); // undefined counts for none as for one that is absent
    if (odd !== undefined) throw new PathPressError('BAD_OPTION', `model ${m}: a draw is ${odd}`);
  });
  return problems;
}

/** A problem's draws; where all are the same nothing has to be drawn. */
interface Drawable {
  draws: readonly number[];
  same: boolean;
}

const drawable = (draws: readonly number[]): Drawable => ({ draws, same: draws.every((draw) => draw === draws[0]) });
const picksOfWord = 4; // of 32 random bits: enough for hundreds of draws

/** Mean of as many draws as there are, drawn with replacement. */
function redrawn({ draws, same }: Drawable, seed: number, counter: number, stream: number): number {
  if (same) return draws[0];
  const count = draws.length;
  let [sum, rest] = [0, 0];
  for (let k = 0; k < count; k++) {
    if (k % picksOfWord === 0) rest = randomBits(seed, counter * count + k, stream) / 4294967296;
    rest *= count;
    const pick = Math.floor(rest);
    rest -= pick;
    sum += draws[pick];
  }
  return sum / count;
}

function tested(estimate: number, drawn: Float64Array, pairs: number, level: number): TestedDifference {
  const share = (beyond: (value: number) => boolean) => (1 + drawn.filter(beyond).length) / (1 + drawn.length);
  const p = Math.min(1, 2 * Math.min(share((value) => value <= slack), share((value) => value >= -slack)));
  const tail = (1 - level) / 2;
  const [low, high] = [quantile(drawn, tail), quantile(drawn, 1 - tail)];
  if (high - low <= slack) {
    return { ...unseenDifference(estimate, pairs, level), p: Math.abs(estimate) <= slack ? 1 : 2 ** (1 - pairs), pairs };
  }
  return { mean: estimate, low: Math.min(low, estimate), high: Math.max(high, estimate), p, pairs };
}
