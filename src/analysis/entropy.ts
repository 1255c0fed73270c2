/** Sliding n-gram Shannon entropy of token ids, in bits (METHODS §5). */
import { PathPressError } from '../engine/errors.js';

/** The highest entropy in bits that n-grams of a text of `length` ids can have: every one different, log2(length − n + 1). */
export function entropyCeiling(length: number, n: number): number {
  return Math.log2(length - n + 1);
}

/**
 * Entropy of the n-grams of the first `length` ids, for each length, in bits.
 * @param ids token ids, whole numbers of 32 bits (ids)
 * @param n ids to a gram, ≥ 1
 * @param lengths prefix lengths, each n to ids.length; in any order
 * @returns one entropy a length (lengths)
 * @throws BAD_OPTION for an n below 1, or a length without an n-gram or beyond the text
 */
export function prefixEntropies(ids: ArrayLike<number>, n: number, lengths: readonly number[]): number[] {
  if (!Number.isInteger(n) || n < 1) throw new PathPressError('BAD_OPTION', `n must be a whole number >= 1, not ${n}`);
  for (const length of lengths) {
    if (!Number.isInteger(length) || length < n || length > ids.length) {
      throw new PathPressError(
        'BAD_OPTION',
        `length must be a whole number in ${n} to ${ids.length} for n = ${n}, not ${length}`,
      );
    }
  }
  const first = firstAppearances(ids, n, Math.max(n, ...lengths));
  const counts = new Int32Array(first.length); // of each gram, at the position where it appears first
  const byLength = lengths.map((_, i) => i).sort((a, b) => lengths[a] - lengths[b]);
  const entropies = new Array<number>(lengths.length);
  let counted = 0;
  for (const i of byLength) {
    const grams = lengths[i] - n + 1;
    for (; counted < grams; counted++) counts[first[counted]]++;
    entropies[i] = entropyOfCounts(counts.subarray(0, grams));
  }
  return entropies;
}

/**
 * Shannon entropy in bits of all sliding n-grams of a text, the RPC paper's measure (arXiv 2505.13866).
 * @param ids token ids, whole numbers of 32 bits (ids), at least n
 * @throws BAD_OPTION for an n below 1, or fewer ids than n
 */
export function ngramEntropy(ids: ArrayLike<number>, n: number): number {
  return prefixEntropies(ids, n, [ids.length])[0];
}

/**
 * log2(total) − Σ c·log2 c / total, where the counts add up to their own number. Equal counts are added as one term:
 * a text has few distinct counts, so the sum has few roundings and few logarithms.
 */
function entropyOfCounts(counts: Int32Array): number {
  let largest = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i] > largest) largest = counts[i];
  const gramsWithCount = new Int32Array(largest + 1);
  for (let i = 0; i < counts.length; i++) gramsWithCount[counts[i]]++;
  let sum = 0;
  for (let c = 2; c <= largest; c++) if (gramsWithCount[c] > 0) sum += gramsWithCount[c] * c * Math.log2(c);
  return Math.max(0, Math.log2(counts.length) - sum / counts.length);
}

/**
 * For the n-gram at each position of the first `length` ids: the first position that holds the same gram. Grams are
 * hashed and then compared id by id, so the answer is exact for any n and any vocabulary.
 */
function firstAppearances(ids: ArrayLike<number>, n: number, length: number): Int32Array {
  const text = new Int32Array(length);
  for (let i = 0; i < length; i++) text[i] = ids[i];
  const first = new Int32Array(length - n + 1);
  let table: Int32Array = new Int32Array(2 * 4096); // (slots, 2): first position + 1, or 0 where free; hash
  let mask = 4095;
  let distinct = 0;
  for (let i = 0; i < first.length; i++) {
    let hash = n;
    for (let k = i; k < i + n; k++) {
      hash = Math.imul(hash ^ text[k], 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    let slot = hash & mask;
    while (table[2 * slot] !== 0 && !(table[2 * slot + 1] === hash && sameGram(text, table[2 * slot] - 1, i, n))) {
      slot = (slot + 1) & mask;
    }
    if (table[2 * slot] !== 0) {
      first[i] = table[2 * slot] - 1;
      continue;
    }
    first[i] = i;
    table[2 * slot] = i + 1;
    table[2 * slot + 1] = hash;
    if (2 * ++distinct > mask) {
      table = doubled(table);
      mask = 2 * mask + 1;
    }
  }
  return first;
}

/** The same entries in twice the slots, so that a table of few different grams stays small enough for the cache. */
function doubled(table: Int32Array): Int32Array {
  const mask = table.length - 1; // 2 numbers a slot: as many slots as the old table has numbers
  const grown = new Int32Array(2 * table.length);
  for (let old = 0; old < table.length; old += 2) {
    if (table[old] === 0) continue;
    let slot = table[old + 1] & mask;
    while (grown[2 * slot] !== 0) slot = (slot + 1) & mask;
    grown[2 * slot] = table[old];
    grown[2 * slot + 1] = table[old + 1];
  }
  return grown;
}

function sameGram(text: Int32Array, a: number, b: number, n: number): boolean {
  for (let k = 0; k < n; k++) if (text[a + k] !== text[b + k]) return false;
  return true;
}
