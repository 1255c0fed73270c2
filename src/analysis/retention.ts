/** What stays of a text under eviction, counted from the positions that each layer or head held after a compression. */
import { PathPressError } from '../engine/errors.js';
import type { KeptPositions } from '../engine/types.js';

/** One compression: what each set held right after it. */
export interface Retained {
  /** Generated tokens whose entries existed. */
  generated: number;
  /** Tokens whose entries existed, the prompt's included: what could be held. */
  length: number;
  sets: { layer: number; head: number | null; /** (length), 1 where held */ held: Uint8Array }[];
}

/** The compressions of a trace, in order. @param promptTokens tokens of the prompt, whose positions come first */
export function retained(trace: readonly KeptPositions[], promptTokens: number): Retained[] {
  const byTime = new Map<number, Retained>();
  for (const { generated, layer, head, positions } of trace) {
    const length = promptTokens + generated;
    if (!byTime.has(generated)) byTime.set(generated, { generated, length, sets: [] });
    const held = new Uint8Array(length);
    for (const position of positions) held[position] = 1;
    byTime.get(generated)!.sets.push({ layer, head, held });
  }
  return [...byTime.values()].sort((a, b) => a.generated - b.generated);
}

/** Share of the sets that hold each token, (length). */
export function heldShares({ length, sets }: Retained): Float64Array {
  const shares = new Float64Array(length);
  for (const { held } of sets) held.forEach((one, at) => (shares[at] += one));
  return shares.map((count) => count / sets.length); // not added up in shares: 8 of 10 would be less than 0.8
}

/** The bins of a share of layers, least first: `from` is where one begins. */
export const retentionBins = [
  { label: '< 40 %', from: 0 },
  { label: '40–60 %', from: 0.4 },
  { label: '60–80 %', from: 0.6 },
  { label: '≥ 80 %', from: 0.8 },
] as const;

/**
 * Jaccard's index of two sets among the positions [from, to): shared over held by either; null where neither holds any.
 * @throws PathPressError BAD_OPTION where a set does not reach to `to`
 */
export function overlap(a: Uint8Array, b: Uint8Array, from: number, to: number): number | null {
  if (a.length < to || b.length < to) throw new PathPressError('BAD_OPTION', `sets of ${a.length} and ${b.length} tokens do not reach to ${to}`);
  let both = 0;
  let either = 0;
  for (let at = from; at < to; at++) {
    both += a[at] & b[at];
    either += a[at] | b[at];
  }
  return either === 0 ? null : both / either;
}

/** Of things that are said more than once: how many, and how many of them are held by their first copy, by any … */
export interface CopiesHeld {
  things: number;
  first: number;
  latest: number;
  any: number;
  all: number;
}

/**
 * Which copies a set holds. A copy is held where all of its tokens are.
 * @param groups of each thing that is said more than once, where each copy begins, ascending
 * @param span tokens of a copy
 */
export function copiesHeld(groups: readonly (readonly number[])[], span: number, held: Uint8Array): CopiesHeld {
  const sum: CopiesHeld = { things: groups.length, first: 0, latest: 0, any: 0, all: 0 };
  for (const copies of groups) {
    const whole = copies.map((copy) => held.subarray(copy, copy + span).every((one) => one === 1));
    sum.first += Number(whole[0]);
    sum.latest += Number(whole[whole.length - 1]);
    sum.any += Number(whole.includes(true));
    sum.all += Number(!whole.includes(false));
  }
  return sum;
}
