/** Decisions over several tests, written down before the tests are run. */
import { PathPressError } from '../engine/errors.js';
import type { Interval } from './statistics.js';

/**
 * Holm's step-down adjustment (S. Holm, 1979): a test is significant at level α, all tests taken together, where its
 * adjusted p-value is at most α.
 * @returns adjusted p-values in the order given
 * @throws BAD_OPTION for a value outside 0 to 1
 */
export function holm(pValues: readonly number[]): number[] {
  const bad = pValues.findIndex((p) => !(p >= 0 && p <= 1));
  if (bad >= 0) throw new PathPressError('BAD_OPTION', `a p-value must lie in 0 to 1, not ${pValues[bad]}`);
  const order = pValues.map((_, i) => i).sort((i, j) => pValues[i] - pValues[j]);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[index]));
    adjusted[index] = largest;
  });
  return adjusted;
}

/**
 * Whether an interval shows that a difference is smaller than a margin, either way: it lies within. Of a 90 % interval these
 * are two one-sided tests at 5 % (D. J. Schuirmann, 1987); of a 95 % interval at 2.5 %, which is stricter.
 * @param margin in the unit of the interval, above 0
 * @throws BAD_OPTION for another margin
 */
export function isEquivalent({ low, high }: Pick<Interval, 'low' | 'high'>, margin: number): boolean {
  if (!(margin > 0)) throw new PathPressError('BAD_OPTION', `an equivalence margin must be above 0, not ${margin}`);
  return -margin < low && high < margin;
}
