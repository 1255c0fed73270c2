/**
 * Redundancy rate (METHODS §5): two sentences are similar when the cosine of their embeddings exceeds a threshold;
 * rate(N) is the share of an output's sentences with more than N similar others, averaged over outputs.
 */
import { availableParallelism } from 'node:os';
import { loadBinding } from '../engine/binding.js';
import { PathPressError, toError } from '../engine/errors.js';
import { pause } from '../pause.js';
import { mean } from './statistics.js';

/**
 * For each threshold, how many other sentences each sentence is similar to. native/analysis goes through the pairs block
 * against block on all cores, so memory is linear in the number of sentences; the counts are those of products summed in
 * double precision.
 * @param vectors unit vectors, row-major (sentences × dim)
 * @param thresholds cosines; similar is strictly above
 * @param options threads: all cores if left out; simd: the widest kernels if left out or empty; neither changes a count
 * @returns counts (thresholds)(sentences)
 * @throws BAD_OPTION where the vectors are no Float32Array or dim does not divide them, for unknown `simd`; NO_THREAD;
 *   NOT_BUILT without the native add-on
 */
export function neighbourCounts(
  vectors: Float32Array,
  dim: number,
  thresholds: readonly number[],
  { threads, simd }: { threads?: number; simd?: string } = {},
): Int32Array[] {
  return byThreshold(countPairs(vectors, dim, thresholds, 0, rows(vectors, dim), threads, simd), thresholds.length);
}

/** Of the pairs whose lower row is one of `from` to `to` - 1: counts (thresholds × sentences). */
function countPairs(
  vectors: Float32Array,
  dim: number,
  thresholds: readonly number[],
  from: number,
  to: number,
  threads = availableParallelism(),
  simd = '',
): Int32Array {
  try {
    return loadBinding().neighbourCounts(vectors, dim, Float64Array.from(thresholds), threads, simd, from, to);
  } catch (error) {
    throw toError(error);
  }
}

const byThreshold = (counts: Int32Array, thresholds: number): Int32Array[] =>
  Array.from({ length: thresholds }, (_, t) =>
    counts.slice((t * counts.length) / thresholds, ((t + 1) * counts.length) / thresholds),
  );

/** Half a second's on a slow core: so long Ctrl-C may have to wait. */
const pairsAtATime = 2 ** 24;

/** `neighbourCounts`, with the event loop's turn (and `signal`'s) between parts of the pairs. */
async function neighbourCountsInParts(
  vectors: Float32Array,
  dim: number,
  thresholds: readonly number[],
  signal?: AbortSignal,
): Promise<Int32Array[]> {
  const sentences = rows(vectors, dim);
  const counts = new Int32Array(thresholds.length * sentences);
  const part = Math.max(256, Math.ceil(pairsAtATime / sentences));
  for (let from = 0; from < sentences; from += part) {
    await pause(signal);
    countPairs(vectors, dim, thresholds, from, from + part).forEach((count, i) => (counts[i] += count));
  }
  return byThreshold(counts, thresholds.length);
}

function rows(vectors: Float32Array, dim: number): number {
  if (!(vectors instanceof Float32Array)) throw new PathPressError('BAD_OPTION', 'vectors are not a Float32Array');
  if (!Number.isInteger(dim) || dim < 1 || dim >= 2 ** 31 || vectors.length % dim !== 0 || vectors.length / dim >= 2 ** 31) {
    throw new PathPressError('BAD_OPTION', `${vectors.length} numbers are not rows of ${dim}`);
  }
  return vectors.length / dim;
}

/**
 * rate(N): share (0 to 1) of sentences with more than `similar` similar others; NaN of no sentence.
 * @param counts similar others of each sentence (sentences), as `neighbourCounts` gives them
 */
export function redundancyRate(counts: ArrayLike<number>, similar: number): number {
  let redundant = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i] > similar) redundant++;
  return redundant / counts.length;
}

export interface RedundancyOptions {
  /** Cosines; [0.75] if left out. */
  thresholds?: readonly number[];
  /** N of rate(N); [1, 2, 4] if left out. */
  similar?: readonly number[];
  /** Ends the count within half a second or so, with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * rate(N) averaged over the outputs that have a sentence: the RPC paper's measure (arXiv 2505.13866), in one pass over the
 * pairs, between whose parts other events have their turn.
 * @param outputs unit vectors of each output's sentences, row-major (sentences × dim)
 * @returns shares, 0 to 1 (thresholds)(similar); NaN where no output has a sentence
 * @throws BAD_OPTION where dim does not divide an output's vectors; the signal's reason
 */
export async function redundancy(
  outputs: readonly Float32Array[],
  dim: number,
  { thresholds = [0.75], similar = [1, 2, 4], signal }: RedundancyOptions = {},
): Promise<number[][]> {
  const rates: number[][][] = []; // (outputs)(thresholds)(similar)
  for (const vectors of outputs) {
    if (vectors.length === 0) continue;
    const counts = await neighbourCountsInParts(vectors, dim, thresholds, signal);
    rates.push(counts.map((one) => similar.map((n) => redundancyRate(one, n))));
  }
  return thresholds.map((_, t) => similar.map((_, n) => mean(rates.map((rate) => rate[t][n]))));
}

/**
 * The most repeated sentences, greedily: the one with the most similar others takes them along, then the next of what
 * is left; lowest index on ties. Clusters of one are left out.
 * @param vectors unit vectors, row-major (sentences × dim)
 * @param threshold cosine; similar is strictly above
 * @returns at most `most` clusters of row numbers, largest first; in each the sentence that the others are similar to
 *   stands first
 * @throws BAD_OPTION where dim does not divide the vectors, NOT_BUILT without the native add-on
 */
export function repeatedClusters(vectors: Float32Array, dim: number, threshold: number, most: number): number[][] {
  const [counts] = neighbourCounts(vectors, dim, [threshold]);
  const taken = new Uint8Array(counts.length);
  const clusters: number[][] = [];
  while (clusters.length < most) {
    let centre = -1;
    for (let i = 0; i < counts.length; i++) {
      if (!taken[i] && counts[i] > 0 && (centre < 0 || counts[i] > counts[centre])) centre = i;
    }
    if (centre < 0) break;
    const members = [centre, ...similarTo(vectors, dim, centre, threshold, taken)];
    for (const member of members) {
      taken[member] = 1;
      // What has left no longer counts as anybody's neighbour.
      for (const other of similarTo(vectors, dim, member, threshold, taken)) counts[other]--;
    }
    clusters.push(members);
  }
  return clusters;
}

function similarTo(vectors: Float32Array, dim: number, row: number, threshold: number, taken: Uint8Array): number[] {
  const found: number[] = [];
  for (let other = 0; other < taken.length; other++) {
    if (taken[other] || other === row) continue;
    let cosine = 0;
    for (let k = 0; k < dim; k++) cosine += vectors[row * dim + k] * vectors[other * dim + k];
    if (cosine > threshold) found.push(other);
  }
  return found;
}
