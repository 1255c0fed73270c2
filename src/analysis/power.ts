/** How many problems and draws a paired comparison needs, from the outcomes of a trial on other problems. */
import { PathPressError } from '../engine/errors.js';
import { normalQuantile } from './quantiles.js';
import { mean } from './statistics.js';
import type { PairedOutcomes } from './strata.js';

/** Variances of a paired difference of shares: of the problems' own differences, and of one draw about its problem's mean. */
export interface PairSpread {
  problems: number;
  drawsA: number;
  drawsB: number;
}

/** What is to be shown, and how surely. */
export interface EquivalenceGoal {
  /** Half-width of the margin, a share; 0.03 if left out. */
  margin?: number;
  /** Coverage of the interval that must lie within the margin; 0.95 if left out. */
  level?: number;
  /** Probability that it does where the arms are equal; 0.9 if left out. */
  power?: number;
  /** Draws of a problem in each arm; 1 if left out. */
  drawsA?: number;
  drawsB?: number;
}

/**
 * Variance components from a trial. The spread of an arm's draws needs two draws or more; with one it cannot be told from
 * that of the problems and counts there, so that more draws seem to help less than they do.
 * @throws BAD_OPTION where there are fewer than two problems, or the arms differ in problems
 */
export function pairSpread({ a, b }: PairedOutcomes): PairSpread {
  if (a.length !== b.length || a.length < 2) {
    throw new PathPressError('BAD_OPTION', `a spread needs the same two problems or more of both arms: ${a.length} and ${b.length}`);
  }
  const [drawsA, drawsB] = [a, b].map((arm) => mean(arm.map((draws) => (draws.length > 1 ? variance(draws) : 0))));
  const [perA, perB] = [a, b].map((arm) => mean(arm.map((draws) => 1 / draws.length)));
  const seen = variance(a.map((draws, i) => mean(draws) - mean(b[i])));
  return { problems: Math.max(0, seen - drawsA * perA - drawsB * perB), drawsA, drawsB };
}

/**
 * Problems of one model that suffice: where the arms are equal, the interval of `strataDifference` lies within the margin
 * with probability `power`. Normal approximation: z_level · s + z_power · σ ≤ margin · √n, with σ² the variance of a
 * problem's difference and s² the larger one that the two-stage bootstrap shows. Never fewer than where all problems
 * agree, whose interval has the width of `unseenDifference`: n > z_level² · (1 / margin − 1).
 * @throws BAD_OPTION for a margin that is not above 0, a level or power outside 0 to 1, or draws below 1
 */
export function problemsForEquivalence(spread: PairSpread, goal: EquivalenceGoal = {}): number {
  const { margin = 0.03, level = 0.95, power = 0.9, drawsA = 1, drawsB = 1 } = goal;
  const sound = margin > 0 && [level, power].every((share) => share > 0 && share < 1) && drawsA >= 1 && drawsB >= 1;
  if (!sound) throw new PathPressError('BAD_OPTION', `margin ${margin}, level ${level}, power ${power}, draws ${drawsA} and ${drawsB}: out of range`);
  const within = spread.drawsA / drawsA + spread.drawsB / drawsB;
  const again = (spread.drawsA * (drawsA - 1)) / drawsA ** 2 + (spread.drawsB * (drawsB - 1)) / drawsB ** 2;
  const truly = Math.sqrt(spread.problems + within);
  const shown = Math.sqrt(spread.problems + within + again);
  const z = normalQuantile((1 + level) / 2);
  const needed = z * shown + normalQuantile((1 + power) / 2) * truly;
  const agreeing = Math.floor(z ** 2 * (1 / margin - 1)) + 1;
  return Math.max(agreeing, Math.ceil((needed / margin) ** 2));
}

function variance(values: readonly number[]): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}
