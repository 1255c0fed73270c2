/** Sliding n-gram Shannon entropy of token ids, in bits (METHODS §5). Grams are counted by native/analysis. */
import { availableParallelism } from 'node:os';
import { loadBinding } from '../engine/binding.js';
import { PathPressError } from '../engine/errors.js';

/** The highest entropy in bits that n-grams of a text of `length` ids can have: every one different, log2(length − n + 1). */
export function entropyCeiling(length: number, n: number): number {
  return Math.log2(length - n + 1);
}

/**
 * Entropy of the n-grams of the first `length` ids, for each length, in bits.
 * @param ids token ids, whole numbers of 32 bits (ids)
 * @param n ids to a gram, ≥ 1
 * @param lengths prefix lengths, each n to ids.length; in any order; the text is gone through once for all
 * @param threads all cores if left out; changes no entropy
 * @returns one entropy a length (lengths)
 * @throws BAD_OPTION for an n below 1, or a length without an n-gram or beyond the text; NOT_BUILT without the native
 *   add-on
 */
export function prefixEntropies(ids: ArrayLike<number>, n: number, lengths: readonly number[], threads = availableParallelism()): number[] {
  if (!Number.isInteger(n) || n < 1) throw new PathPressError('BAD_OPTION', `n must be a whole number >= 1, not ${n}`);
  for (const length of lengths) {
    if (!Number.isInteger(length) || length < n || length > ids.length) {
      throw new PathPressError(
        'BAD_OPTION',
        `length must be a whole number in ${n} to ${ids.length} for n = ${n}, not ${length}`,
      );
    }
  }
  if (lengths.length === 0) return [];
  const ascending = [...new Set(lengths)].sort((a, b) => a - b);
  const text = wholeNumbers(ids, ascending[ascending.length - 1]);
  const occurrences = loadBinding().gramOccurrences(text, n, ascending, threads);
  const entropies = new Map(ascending.map((length, i) => [length, entropyOf(occurrences[i], length - n + 1)]));
  return lengths.map((length) => entropies.get(length)!);
}

/**
 * Shannon entropy in bits of all sliding n-grams of a text, the RPC paper's measure (arXiv 2505.13866).
 * @param ids token ids, whole numbers of 32 bits (ids), at least n
 * @param threads all cores if left out; changes no entropy
 * @throws BAD_OPTION for an n below 1, fewer ids than n, or an id that is no whole number of 32 bits; NOT_BUILT without the native add-on
 */
export function ngramEntropy(ids: ArrayLike<number>, n: number, threads?: number): number {
  return prefixEntropies(ids, n, [ids.length], threads)[0];
}

/**
 * log2(total) − Σ c·log2 c / total, over pairs of a count c and the number of grams that have it, by ascending c. A text
 * has few distinct counts, so the sum has few roundings and few logarithms, and one order whatever machine counted.
 */
function entropyOf(occurrences: Uint32Array, total: number): number {
  let sum = 0;
  for (let i = 0; i < occurrences.length; i += 2) {
    sum += occurrences[i + 1] * occurrences[i] * Math.log2(occurrences[i]);
  }
  return Math.max(0, Math.log2(total) - sum / total);
}

/** The first `length` ids as the native side reads them; copied only where they lie otherwise, or another thread may write to them. */
function wholeNumbers(ids: ArrayLike<number>, length: number): Int32Array {
  if (ids instanceof Int32Array || ids instanceof Uint32Array) {
    const text = new Int32Array(ids.buffer, ids.byteOffset, length);
    return ids.buffer instanceof SharedArrayBuffer ? text.slice() : text;
  }
  const text = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    text[i] = ids[i];
    if (text[i] !== ids[i] && text[i] >>> 0 !== ids[i]) throw new PathPressError('BAD_OPTION', `id ${String(ids[i])} at index ${i} is not a whole number of 32 bits`);
  }
  return text;
}
