/** Intervals that are measured against fixed ones: which of these would have held as much. */
import { mean } from '../analysis/statistics.js';
import type { EvalRecord } from '../evaluate/record.js';
import { closedForm } from '../policies/closed-form.js';
import type { AdaptivePolicy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';

/** What a sample tells of how long it was. */
export type SampleLength = Pick<EvalRecord, 'promptTokens' | 'generatedTokens' | 'finish'>;

/** Tokens generated: the id that stops a sample is not counted, but took a pass. */
export const lengthOf = ({ generatedTokens, finish }: SampleLength): number => generatedTokens + (finish === 'stop' ? 1 : 0);

/**
 * The least interval at which `rpc` with the same options would have held as many entries as `adaptive` did, both over the
 * outputs that `adaptive` wrote: who fails writes longer, and means over each arm's own outputs would charge it for that.
 * @param records of one cell; entries are means over decode passes, averaged over samples
 * @returns tokens; at 2·P or below unless early ends shift the phase
 */
export function equalInterval(records: readonly (SampleLength & Pick<EvalRecord, 'meanEntries'>)[], policy: AdaptivePolicy): number {
  const { name: _name, moment: _moment, ...options } = policy;
  const held = mean(records.map(({ meanEntries }) => meanEntries));
  const heldAt = (interval: number): number => {
    const fixed = settlePolicy('rpc', { ...options, interval });
    return mean(records.map((record) => closedForm(fixed, record.promptTokens, lengthOf(record)).mean));
  };
  let interval = 1;
  // Ends: at an interval longer than every output nothing is ever evicted. Rounding apart, the sums may be equal.
  while (heldAt(interval) < held * (1 - 1e-9)) interval += 1;
  return interval;
}
