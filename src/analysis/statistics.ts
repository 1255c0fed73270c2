/** Intervals and tests; every interval is 95 % unless the level says otherwise, every draw is settled by a seed. */
import { PathPressError, wholeAtLeast } from '../engine/errors.js';
import { normalQuantile, studentQuantile } from './quantiles.js';
import { randomIndex } from './random.js';

/** An estimate and its interval, in the unit of the values. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** How an interval is drawn. */
export interface BootstrapOptions {
  /** Of the draws; 0 if left out. The same seed and values give the same interval. */
  seed?: number;
  /** Resamples drawn; 2000 if left out. */
  resamples?: number;
  /** Coverage of the interval; 0.95 if left out. */
  level?: number;
}

/** The coverage of an interval that is not drawn. */
export type LevelOption = Pick<BootstrapOptions, 'level'>;

/** @throws BAD_OPTION for `resamples` below 1 or a `level` outside 0 to 1 */
export function checkBootstrap({ resamples = 1, level = 0.95 }: BootstrapOptions): void {
  wholeAtLeast(1, 'resamples', resamples);
  if (!(level > 0 && level < 1)) throw new PathPressError('BAD_OPTION', `level must lie between 0 and 1, not ${level}`);
}

/** How far sums of the same shares may lie apart that were added up in another order. */
export const summingSlack = 1e-12;

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  return total(values) / values.length;
}

function total(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

/**
 * Linear-interpolation quantile (numpy's default, Hyndman–Fan type 7) of values in any order; NaN of nothing, and where one is NaN.
 * @param share 0 to 1: 0.5 is the median
 * @throws BAD_OPTION for a share outside 0 to 1
 */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort(); // NaN last
  const quantile = sortedQuantile(sorted, share);
  return Number.isNaN(sorted[sorted.length - 1]) ? Number.NaN : quantile;
}

function sortedQuantile(sorted: Float64Array, share: number): number {
  if (!(share >= 0 && share <= 1))
    throw new PathPressError('BAD_OPTION', `quantile share must lie in 0 to 1, not ${share}`);
  if (sorted.length === 0) return Number.NaN;
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/**
 * Wilson's score interval of a share (E. B. Wilson, 1927).
 * @param level coverage
 * @throws BAD_OPTION unless 0 ≤ successes ≤ trials and trials ≥ 1
 */
export function wilson(successes: number, trials: number, level = 0.95): Interval {
  if (!(trials >= 1 && successes >= 0 && successes <= trials)) {
    throw new PathPressError(
      'BAD_OPTION',
      `wilson needs 0 <= successes <= trials and trials >= 1, not ${successes} of ${trials}`,
    );
  }
  checkBootstrap({ level });
  return scoreInterval(successes / trials, trials, normalQuantile((1 + level) / 2));
}

/** Wilson's ends with another quantile, and trials that need not be whole. */
function scoreInterval(share: number, trials: number, z: number): Interval {
  const centre = share + (z * z) / (2 * trials);
  const spread = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  const scale = 1 + (z * z) / trials;
  return around(share, Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)); // rounding may step over
}

/** Rounding must never put the mean outside its own interval. */
function around(value: number, low: number, high: number): Interval {
  return { mean: value, low: Math.min(low, value), high: Math.max(high, value) };
}

/** Mean over all values and its variance, from how clusters differ (a ratio's, linearised: W. G. Cochran, 1977, §9A.1). */
function clusterSpread(clusters: readonly ArrayLike<number>[]): { mean: number; variance: number; clusters: number; values: number } {
  const filled = clusters.filter((cluster) => cluster.length > 0);
  if (filled.length === 0) throw new PathPressError('BAD_OPTION', 'an interval needs at least one value, got none');
  const values = filled.reduce((sum, cluster) => sum + cluster.length, 0);
  const middle = total(Float64Array.from(filled, total)) / values;
  const squares = filled.reduce((sum, cluster) => sum + (total(cluster) - middle * cluster.length) ** 2, 0);
  const variance = filled.length > 1 ? ((filled.length / (filled.length - 1)) * squares) / values ** 2 : 0;
  return { mean: middle, variance, clusters: filled.length, values };
}

/**
 * Mean over all values with Student's interval, its variance and degrees of freedom those of clusters (samples of one prompt
 * depend on each other). A percentile bootstrap of few clusters is too narrow: of 5 its 95 % cover some 85. A single
 * cluster gives an interval of width 0: it says nothing of other prompts. For shares there is `shareInterval`.
 * @param clusters values (clusters)(samples), grouped by prompt or problem; empty clusters are left out
 * @throws BAD_OPTION where there is no value at all, or for a `level` outside 0 to 1
 */
export function clusterMean(clusters: readonly ArrayLike<number>[], options: LevelOption = {}): Interval {
  checkBootstrap(options);
  const { mean: middle, variance, clusters: count } = clusterSpread(clusters);
  const half = count > 1 ? studentQuantile((1 + (options.level ?? 0.95)) / 2, count - 1) * Math.sqrt(variance) : 0;
  return { mean: middle, low: middle - half, high: middle + half };
}

/**
 * `clusterMean` of shares: Wilson's interval on as many trials as would vary as much as the clusters do, samples that are
 * right or wrong on no more than there are, with Student's quantile. Where every cluster has the same mean, each counts as
 * one trial: nothing shows what another might have. Shares between 0 and 1 that differ by little give as narrow an interval.
 * @param clusters values 0 to 1, (clusters)(samples), grouped by problem; empty clusters are left out
 * @throws as `clusterMean`
 */
export function shareInterval(clusters: readonly ArrayLike<number>[], options: LevelOption = {}): Interval {
  checkBootstrap(options);
  const { level = 0.95 } = options;
  const { mean: share, variance, clusters: count, values } = clusterSpread(clusters);
  if (Math.sqrt(variance) <= summingSlack) return wilson(Math.min(1, share) * count, count, level);
  const trials = (share * (1 - share)) / variance;
  return scoreInterval(share, yesOrNo(clusters) ? Math.min(trials, values) : trials, studentQuantile((1 + level) / 2, count - 1));
}

const yesOrNo = (clusters: readonly ArrayLike<number>[]): boolean => clusters.every((cluster) => Array.from(cluster).every((value) => value === 0 || value === 1));

/**
 * Σ sums / Σ sizes with a percentile bootstrap that redraws the items, numerator and denominator together.
 * @param sums,sizes of item i at index i; at least one item, and sizes above 0
 */
export function ratioBootstrap(sums: Float64Array, sizes: Float64Array, options: BootstrapOptions = {}): Interval {
  const { seed = 0, resamples = 2000, level = 0.95 } = options;
  checkBootstrap({ resamples, level });
  const clusters = sums.length;
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let sum = 0;
    let size = 0;
    for (let i = 0; i < clusters; i++) {
      const drawn = randomIndex(clusters, seed, r * clusters + i);
      sum += sums[drawn];
      size += sizes[drawn];
    }
    means[r] = sum / size;
  }
  means.sort();
  const tail = (1 - level) / 2;
  return around(total(sums) / total(sizes), sortedQuantile(means, tail), sortedQuantile(means, 1 - tail));
}

/** A difference between two arms measured on the same problems, and how many problems both arms have. */
export interface PairedDifference extends Interval {
  pairs: number;
}

/** Mean of a − mean of b of each problem where both arms have a value. @throws BAD_OPTION where a and b differ in length */
export function pairedDifferences(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): number[] {
  if (a.length !== b.length) {
    throw new PathPressError('BAD_OPTION', `paired arms must cover the same problems: ${a.length} and ${b.length}`);
  }
  return a.flatMap((values, i) => (values.length > 0 && b[i].length > 0 ? [mean(values) - mean(b[i])] : []));
}

/**
 * Mean over problems of (mean of a − mean of b), every problem weighing the same, with Student's interval. Of samples that
 * are right or wrong two problems more are counted, one that each arm alone has right (D. G. Bonett and R. M. Price, 2012),
 * so that few discordant problems, or none, do not make an interval narrow. Of other shares, where every problem differs by
 * the same: `unseenDifference`; where they differ by little, the interval is as narrow as that.
 * @param a values 0 to 1 of the first arm (problems)(samples); a problem where either arm has no value is left out
 * @param b values of the second arm, of the same problems in the same order
 * @returns undefined where no problem has values of both arms
 * @throws BAD_OPTION where a and b differ in length, or for a `level` outside 0 to 1
 */
export function pairedShares(a: ArrayLike<number>[], b: ArrayLike<number>[], options: LevelOption = {}): PairedDifference | undefined {
  checkBootstrap(options);
  const { level = 0.95 } = options;
  const differences = pairedDifferences(a, b);
  const pairs = differences.length;
  if (pairs === 0) return undefined;
  const seen = clusterSpread(differences.map((d) => [d]));
  const binary = yesOrNo(a) && yesOrNo(b);
  if (!binary && Math.sqrt(seen.variance) <= summingSlack) return { ...unseenDifference(seen.mean, pairs, level), pairs };
  const { mean: middle, variance } = binary ? clusterSpread([...differences, 1, -1].map((d) => [d])) : seen;
  const half = studentQuantile((1 + level) / 2, Math.max(1, pairs - 1)) * Math.sqrt(variance);
  return { ...around(seen.mean, Math.max(-1, middle - half), Math.min(1, middle + half)), pairs };
}

/**
 * Where all of `pairs` problems differ by `d` (mostly 0): the share of problems that differ by something else is at most
 * u = z² / (n + z²), Wilson's upper end of 0 in n, and these differ by -1 to 1, so that the mean lies in d - u (1 + d) to
 * d + u (1 - d).
 */
export function unseenDifference(d: number, pairs: number, level = 0.95): Interval {
  const u = wilson(0, pairs, level).high;
  return { mean: d, low: d - u * (1 + d), high: d + u * (1 - d) };
}

/**
 * Two-sided exact McNemar test: the binomial probability, at one half, of a split of the discordant pairs at least
 * as uneven as this one.
 * @param onlyFirst problems that the first arm alone got right
 * @param onlySecond problems that the second arm alone got right
 * @returns the p-value, 0 to 1 (Q. McNemar, 1947, in its exact form)
 * @throws BAD_OPTION unless both are whole numbers from 0 on
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): number {
  for (const count of [onlyFirst, onlySecond]) {
    if (!Number.isInteger(count) || count < 0) {
      throw new PathPressError('BAD_OPTION', `mcnemarExact needs counts >= 0, not ${onlyFirst} and ${onlySecond}`);
    }
  }
  const trials = onlyFirst + onlySecond;
  const rarer = Math.min(onlyFirst, onlySecond);
  let logChoose = 0; // ln C(trials, k)
  let tail = 0;
  for (let k = 0; k <= rarer; k++) {
    tail += Math.exp(logChoose - trials * Math.LN2);
    logChoose += Math.log((trials - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}
