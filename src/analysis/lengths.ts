/** What a distribution of output lengths means for a cache policy: how often it fires, and what it saves. */
import { PathPressError } from '../engine/errors.js';
import { closedForm } from '../policies/closed-form.js';
import type { Policy } from '../policies/policy.js';
import { quantile, ratioBootstrap, type BootstrapOptions, type Interval } from './statistics.js';

/** A distribution of output lengths, in tokens. */
export interface LengthSummary {
  outputs: number;
  mean: number;
  /** Quantiles at 5, 25, 50, 75, 95 and 100 %. */
  quantiles: { share: number; tokens: number }[];
}

/**
 * How long outputs are.
 * @param lengths generated tokens of each output
 * @throws BAD_OPTION where there is no length
 */
export function summariseLengths(lengths: readonly number[]): LengthSummary {
  needOutputs(lengths);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  return {
    outputs: lengths.length,
    mean,
    quantiles: [0.05, 0.25, 0.5, 0.75, 0.95, 1].map((share) => ({ share, tokens: quantile(lengths, share) })),
  };
}

/**
 * Share of outputs that see 0, 1, 2, … triggers of the policy; the last entry is for `most` or more. A trigger at the
 * last token never comes: its entry is not written.
 * @param lengths generated tokens of each output
 * @throws BAD_OPTION where there is no length, or the policy does not hold
 */
export function compressionShares(lengths: readonly number[], policy: Policy, most = 4): number[] {
  needOutputs(lengths);
  const shares = new Array<number>(most + 1).fill(0);
  for (const length of lengths)
    shares[Math.min(most, closedForm(policy, 0, length).compressions.length)] += 1 / lengths.length;
  return shares;
}

/** Entries of a policy's cache against the full one's. */
export interface Saving {
  /** Entries attended to, a decode pass: all passes of all outputs. */
  meanEntries: { full: number; kept: number };
  /** Mean over outputs of the most entries held at once. */
  peakEntries: { full: number; kept: number };
  /** Full over kept, summed over passes: of bytes held over time, and of bytes that attention reads; bootstrap by output. */
  overTime: Interval;
  /** Full over kept, of the peaks. */
  atPeak: Interval;
}

/**
 * What a policy saves against the full cache over a distribution of output lengths, by the closed form. A factor of
 * entries is one of bytes: every entry has the same size.
 * @param outputs generated tokens of each, and its prompt's
 * @throws BAD_OPTION where no output has a decode pass, or the policy does not hold
 */
export function savingOver(
  outputs: readonly { tokens: number; prompt: number }[],
  policy: Policy,
  options: BootstrapOptions = {},
): Saving {
  const used = outputs.filter(({ tokens }) => tokens > 1);
  needOutputs(used);
  const sums = (of: Policy, value: (form: ReturnType<typeof closedForm>, passes: number) => number): Float64Array =>
    Float64Array.from(used, ({ tokens, prompt }) => value(closedForm(of, prompt, tokens), tokens - 1));
  const full: Policy = { name: 'full' };
  const held = {
    full: sums(full, (form, passes) => form.mean * passes),
    kept: sums(policy, (form, passes) => form.mean * passes),
  };
  const peak = { full: sums(full, (form) => form.peak), kept: sums(policy, (form) => form.peak) };
  const passes = used.reduce((sum, { tokens }) => sum + tokens - 1, 0);
  const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
  return {
    meanEntries: { full: total(held.full) / passes, kept: total(held.kept) / passes },
    peakEntries: { full: total(peak.full) / used.length, kept: total(peak.kept) / used.length },
    overTime: ratioBootstrap(held.full, held.kept, options),
    atPeak: ratioBootstrap(peak.full, peak.kept, options),
  };
}

function needOutputs(outputs: readonly unknown[]): void {
  if (outputs.length === 0)
    throw new PathPressError('BAD_OPTION', 'a distribution of lengths needs at least one output, got none');
}
