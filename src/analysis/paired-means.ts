/** Paired differences of few pairs, where a percentile bootstrap is too narrow: it draws its spread from the pairs alone. */
import { PathPressError, wholeAtLeast } from '../engine/errors.js';
import { studentQuantile } from './quantiles.js';
import { randomBits } from './random.js';
import { checkBootstrap, mean, pairedDifferences, type BootstrapOptions, type PairedDifference } from './statistics.js';

/** A paired difference with its test. */
export interface PairedTest extends PairedDifference {
  /** Two-sided, of `signFlip`. */
  p: number;
}

/**
 * Mean over problems of (mean of a − mean of b) with Student's t interval and a sign-flip test. It needs two pairs at least.
 * @param a,b values of the arms (problems)(samples), of the same problems in the same order; a problem where either has none is left out
 * @returns undefined where fewer than two problems have values of both arms
 * @throws BAD_OPTION where a and b differ in length, a value is not finite, or an option is out of range
 */
export function pairedMeans(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[], options: BootstrapOptions = {}): PairedTest | undefined {
  checkBootstrap(options);
  const { level = 0.95 } = options;
  const differences = pairedDifferences(a, b);
  const pairs = differences.length;
  if (pairs < 2) return undefined;
  const middle = mean(differences);
  const variance = differences.reduce((sum, d) => sum + (d - middle) ** 2, 0) / (pairs - 1);
  const half = studentQuantile((1 + level) / 2, pairs - 1) * Math.sqrt(variance / pairs);
  return { mean: middle, low: middle - half, high: middle + half, pairs, p: signFlip(differences, options) };
}

const countable = 24; // pairs whose sign patterns are gone through: eight millions, since a pattern and its mirror agree

/**
 * Two-sided sign-flip test of a mean of 0 (R. A. Fisher, 1935): the share of sign patterns that move the sum of the
 * differences as far from 0 as it is. Exact up to 24 pairs; beyond, of `resamples` drawn patterns and the one seen.
 * @throws BAD_OPTION where there is no difference, one is not finite, or `resamples` is not a whole number from 1 on
 */
export function signFlip(differences: readonly number[], { seed = 0, resamples = 20_000 }: Pick<BootstrapOptions, 'seed' | 'resamples'> = {}): number {
  const pairs = differences.length;
  if (pairs === 0) throw new PathPressError('BAD_OPTION', 'a sign-flip test needs at least one difference, got none');
  const odd = differences.findIndex((d) => !Number.isFinite(d));
  if (odd >= 0) throw new PathPressError('BAD_OPTION', `difference ${odd} of a sign-flip test is ${differences[odd]}`);
  wholeAtLeast(1, 'resamples', resamples);
  const size = differences.reduce((sum, d) => sum + Math.abs(d), 0);
  const seen = Math.abs(differences.reduce((sum, d) => sum + d, 0)) - 1e-12 * size; // sums of the same in another order
  if (pairs <= countable) {
    const patterns = 2 ** (pairs - 1); // of the others' signs, the first's being +
    let far = 0;
    for (let pattern = 0; pattern < patterns; pattern++) {
      let sum = differences[0];
      for (let i = 1; i < pairs; i++) sum += (pattern >> (i - 1)) & 1 ? -differences[i] : differences[i];
      if (Math.abs(sum) >= seen) far++;
    }
    return far / patterns;
  }
  let far = 1;
  for (let r = 0; r < resamples; r++) {
    let [sum, bits] = [0, 0];
    for (let i = 0; i < pairs; i++) {
      if (i % 32 === 0) bits = randomBits(seed, r * Math.ceil(pairs / 32) + i / 32);
      sum += (bits >>> i % 32) & 1 ? -differences[i] : differences[i];
    }
    if (Math.abs(sum) >= seen) far++;
  }
  return far / (resamples + 1);
}
