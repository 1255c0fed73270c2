/** Tokens a second over whole outputs, from steps measured at some lengths and compressions measured at some. */
import { PathPressError } from '../engine/errors.js';
import { closedForm } from '../policies/closed-form.js';
import type { Policy } from '../policies/policy.js';
import type { CompressionLine, StepLine } from './lines.js';

/** `at(x)` on the line through the points around x; beyond the ends the first or last two go on. @throws PathPressError BAD_OPTION */
export function interpolation(points: { x: number; y: number }[], what: string): (x: number) => number {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  if (sorted.length < 2) throw new PathPressError('BAD_OPTION', `${what}: ${sorted.length} measurements, not two or more`);
  return (x) => {
    const above = sorted.findIndex((point) => point.x >= x);
    const high = above < 0 ? sorted.length - 1 : Math.max(1, above);
    const [a, b] = [sorted[high - 1]!, sorted[high]!];
    return a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x);
  };
}

export interface RunSeconds {
  decode: number;
  compression: number;
}

/**
 * A batch that starts together and generates `length` tokens each: every decode pass at the length that the policy's
 * closed form gives, each step's time read off measured ones of the same batch, and each compression's off measured ones
 * of the same policy, whose time is shared out evenly over the sequences that were due with it.
 */
export function runSeconds(policy: Policy, batch: number, prompt: number, length: number, steps: StepLine[], events: CompressionLine[]): RunSeconds {
  const stepAt = interpolation(steps.filter((one) => one.batch === batch).map((one) => ({ x: one.entries, y: one.seconds })), `steps of ${batch}`);
  const { compressions, final } = closedForm(policy, prompt, length);
  const teeth = [...compressions.map(({ before, after }) => ({ before, after })), { before: final, after: final }];
  let decode = 0;
  let held = prompt;
  for (const { before, after } of teeth) {
    while (held < before) decode += stepAt((held += 1));
    held = after;
  }
  if (compressions.length === 0) return { decode, compression: 0 };
  const eventAt = interpolation(events.map((one) => ({ x: one.entries, y: (one.seconds + one.hostSeconds) / one.batch })), 'compressions');
  return { decode, compression: compressions.reduce((sum, { before }) => sum + batch * eventAt(before), 0) };
}
