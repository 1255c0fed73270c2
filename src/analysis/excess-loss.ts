/** What an arm loses on tokens of given texts against another arm, an interval by trace. */
import { PathPressError } from '../engine/errors.js';
import { ratioBootstrap, type BootstrapOptions, type Interval } from './statistics.js';

/** Negative log-likelihoods of one trace's tokens, summed by bin, under each arm: nats. */
export interface BinnedLoss<A extends string> {
  /** Tokens of each bin. */
  tokens: readonly number[];
  loss: { readonly [arm in A]?: readonly number[] };
}

/** Nats a token, and what stands behind them. */
export interface ExcessLoss extends Interval {
  tokens: number;
  traces: number;
}

/**
 * Mean over tokens of the loss under `arm` less that under `against`, all tokens weighing the same; the bootstrap
 * redraws whole traces, whose tokens depend on each other.
 * @param bin one bin alone; all together if left out
 * @returns undefined where no trace has a token there
 * @throws BAD_OPTION where a trace lacks an arm
 */
export function excessLoss<A extends string>(
  traces: readonly BinnedLoss<A>[],
  arm: A,
  against: A,
  bin?: number,
  options: BootstrapOptions = {},
): ExcessLoss | undefined {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const total = (values: readonly number[]): number => (bin === undefined ? sum(values) : values[bin]);
  const used = traces.filter(({ tokens }) => total(tokens) > 0);
  if (used.length === 0) return undefined;
  const lossOf = ({ loss }: BinnedLoss<A>, name: A): number => {
    const values = loss[name];
    if (!values) throw new PathPressError('BAD_OPTION', `a trace has no loss under ${name}`);
    return total(values);
  };
  const sums = Float64Array.from(used, (trace) => lossOf(trace, arm) - lossOf(trace, against));
  const sizes = Float64Array.from(used, ({ tokens }) => total(tokens));
  return { ...ratioBootstrap(sums, sizes, options), tokens: sum(Array.from(sizes)), traces: used.length };
}
