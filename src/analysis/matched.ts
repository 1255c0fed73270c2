/** A few cases against many controls of the same strata. */
import { PathPressError } from '../engine/errors.js';
import { randomIndex } from './random.js';
import { checkBootstrap, mean, quantile, type BootstrapOptions, type Interval } from './statistics.js';

/** One cluster: at most one case, and sums over its controls. */
export interface MatchedCluster {
  case?: { stratum: string; value: number };
  controls: { stratum: string; count: number; sum: number }[];
}

/** Mean of the cases less that of the controls of their strata. */
export interface MatchedDifference extends Interval {
  cases: number;
  /** Left out: no control of their stratum anywhere. */
  unmatched: number;
  caseMean: number;
  controlMean: number;
}

/**
 * Each case less the mean of all clusters' controls in its stratum, mean over cases; 95 % percentile bootstrap over clusters,
 * in which a redrawn case whose stratum then has no control is left out. Its width is 0 where all matched cases differ alike.
 * @returns undefined where no case has a control
 * @throws PathPressError BAD_OPTION for a control without a count
 */
export function matchedDifference(clusters: readonly MatchedCluster[], { seed = 0, resamples = 2000, level = 0.95 }: BootstrapOptions = {}): MatchedDifference | undefined {
  checkBootstrap({ resamples, level });
  const bad = clusters.flatMap(({ controls }) => controls).find(({ count }) => !(count >= 1));
  if (bad) throw new PathPressError('BAD_OPTION', `controls of stratum ${bad.stratum}: count ${bad.count}`);
  const whole = compare(clusters);
  if (whole.cases === 0) return undefined;
  const drawn: number[] = [];
  for (let r = 0; r < resamples; r++) {
    const { cases, caseMean, controlMean } = compare(clusters.map((_, i) => clusters[randomIndex(clusters.length, seed, r * clusters.length + i)]));
    if (cases > 0) drawn.push(caseMean - controlMean);
  }
  const difference = whole.caseMean - whole.controlMean;
  const [low, high] = [(1 - level) / 2, (1 + level) / 2].map((share) => quantile(drawn, share));
  return { ...whole, mean: difference, low: Math.min(low, difference), high: Math.max(high, difference) };
}

function compare(clusters: readonly MatchedCluster[]): Omit<MatchedDifference, keyof Interval> {
  const controls = new Map<string, { count: number; sum: number }>();
  for (const { stratum, count, sum } of clusters.flatMap((one) => one.controls)) {
    const own = controls.get(stratum) ?? { count: 0, sum: 0 };
    controls.set(stratum, { count: own.count + count, sum: own.sum + sum });
  }
  const cases = clusters.flatMap((one) => one.case ?? []);
  const matched = cases.filter(({ stratum }) => controls.has(stratum));
  const expected = matched.map(({ stratum }) => controls.get(stratum)!.sum / controls.get(stratum)!.count);
  return { cases: matched.length, unmatched: cases.length - matched.length, caseMean: mean(matched.map(({ value }) => value)), controlMean: mean(expected) };
}
