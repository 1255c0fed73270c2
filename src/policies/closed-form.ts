import { PathPressError, wholeAtLeast } from '../engine/errors.js';
import type { Compression } from '../engine/types.js';
import { rowOf } from './policies.js';
import type { Policy } from './policy.js';
import { checkPolicy } from './settle.js';

/** Entries of one set (a layer's, a key-value head's or a query head's), the prompt's included; the mean where sets differ. */
export interface CacheLength {
  /** Every eviction, also those that an engine's result only counts. */
  compressions: Compression[];
  /** Entries held once generated token t has its entry and a compression due there is done; t = 0 is the prompt alone. */
  entriesAt(t: number): number;
  /** Most entries that a decode pass attends to, its own included. */
  peak: number;
  /** Mean over the decode passes of the entries attended to. */
  mean: number;
  /** Entries held at the end. */
  final: number;
  /** The sawtooth as a line: where it starts, each tooth before and after, where it ends. */
  corners: { generated: number; entries: number }[];
}

/** Each is listed: beyond these, memory would end. */
const mostCompressions = 10e6;

/**
 * The length of the cache by arithmetic alone. An entry exists once its token has been fed back, so that a run of
 * `generated` tokens writes one entry fewer: it has generated − 1 decode passes. RPC's counts are those of arXiv 2505.13866:
 * a compression at N·P + R that leaves prompt + ⌊N·P / c⌋ + R.
 * @param promptTokens a whole number from 0 on, as `generated`
 * @throws PathPressError BAD_OPTION where the policy does not hold or has no room for the prompt, a count of tokens is none,
 *   or the run would have more than 10 million compressions
 */
export function closedForm(policy: Policy, promptTokens: number, generated: number): CacheLength {
  wholeAtLeast(0, 'promptTokens', promptTokens);
  wholeAtLeast(0, 'generated', generated);
  checkPolicy(policy, promptTokens);
  const passes = Math.max(0, generated - 1);
  const compressions = compressionsUntil(policy, promptTokens, passes);

  const entriesAt = (t: number) => {
    const last = compressions.findLast(({ generated: at }) => at <= t);
    return last ? last.after + t - last.generated : promptTokens + t;
  };
  const final = entriesAt(passes);

  // Between two compressions the entries attended to grow by one a pass: from `start` + 1 to its end.
  let attended = 0;
  let peak = promptTokens;
  let last = { generated: 0, after: promptTokens };
  const tooth = (at: number, end: number): void => {
    attended += ((at - last.generated) * (last.after + 1 + end)) / 2;
    peak = Math.max(peak, end);
  };
  for (const one of compressions) {
    tooth(one.generated, one.before);
    last = one;
  }
  tooth(passes, final);

  return {
    compressions,
    entriesAt,
    peak,
    mean: passes > 0 ? attended / passes : promptTokens,
    final,
    // Made where they are asked for: of millions of compressions they would be most of the memory.
    get corners() {
      return [
        { generated: 0, entries: promptTokens },
        ...compressions.flatMap(({ generated: at, before, after }) => [
          { generated: at, entries: before },
          { generated: at, entries: after },
        ]),
        { generated: passes, entries: final },
      ];
    },
  };
}

function compressionsUntil(policy: Policy, promptTokens: number, passes: number): Compression[] {
  const schedule = rowOf(policy).schedule(policy);
  const list: Compression[] = [];
  if (!schedule) return list;
  let held = { at: 0, entries: promptTokens };
  const last = passes - (schedule.passesAfter ?? 0);
  if (schedule.trigger(mostCompressions + 1, promptTokens) <= last) {
    throw new PathPressError('BAD_OPTION', `generated ${passes + 1}: ${policy.name} would compress more than ${mostCompressions} times`);
  }
  for (let n = 1; schedule.trigger(n, promptTokens) <= last; n += 1) {
    const at = schedule.trigger(n, promptTokens);
    const before = held.entries + at - held.at;
    const after = schedule.after(n, promptTokens, before);
    list.push({ generated: at, before, after });
    held = { at, entries: after };
  }
  return list;
}
