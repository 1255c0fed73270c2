/** Quantiles of distributions that intervals are made of. */
import { PathPressError, wholeAtLeast } from '../engine/errors.js';

/** Point below which a standard normal value lies with this probability, 0.5 to 1: bisection on Simpson's rule, to 1e-9. */
export function normalQuantile(share: number): number {
  if (!(share >= 0.5 && share < 1)) throw new PathPressError('BAD_OPTION', `a normal quantile is for 0.5 up to 1, not ${share}`);
  let [low, high] = [0, 8];
  while (high - low > 1e-10) {
    const middle = (low + high) / 2;
    if (0.5 + areaFromZero(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function areaFromZero(end: number): number {
  const steps = 512; // even
  const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(end);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 0 ? 2 : 4) * density((end * i) / steps);
  return (sum * end) / (3 * steps);
}

/**
 * Quantile of Student's t (W. S. Gosset, 1908) with a whole number of degrees of freedom, by halving an interval of its
 * distribution's closed form (Abramowitz & Stegun, 26.7.3 and 26.7.4), to 1e-9 of its size for shares from 1e-6 to
 * 1 - 1e-6; nearer to 0 or 1 what lies beyond has few digits left, at 1e-10 six.
 * @param share above 0 and below 1 by more than numbers beside 1 round (1e-16)
 * @throws BAD_OPTION where an argument is out of range
 */
export function studentQuantile(share: number, degrees: number): number {
  if (!(share > 0 && share < 1 && 1 - share < 1)) throw new PathPressError('BAD_OPTION', `a quantile's share must lie between 0 and 1, not ${share}`);
  wholeAtLeast(1, 'degrees of freedom', degrees);
  if (share < 0.5) return -studentQuantile(1 - share, degrees);
  const central = 2 * share - 1; // what lies within ± the quantile
  let [low, high] = [0, 1];
  while (studentWithin(high, degrees) < central && high < 1e15) [low, high] = [high, 2 * high];
  while (high - low > 1e-12 * high) {
    const middle = (low + high) / 2;
    if (studentWithin(middle, degrees) < central) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Probability that |t| is below `limit`. */
function studentWithin(limit: number, degrees: number): number {
  const angle = Math.atan(limit / Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = degrees % 2 === 1;
  let [term, sum] = [odd ? cosine : 1, 0];
  for (let k = odd ? 3 : 2; k <= degrees; k += 2) {
    sum += term;
    term *= ((k - 1) / k) * cosine * cosine;
  }
  return odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}
