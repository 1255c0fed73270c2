/**
 * Redundancy rate (METHODS §5): two sentences are similar when the cosine of their embeddings exceeds a threshold;
 * rate(N) is the share of an output's sentences with more than N similar others, averaged over outputs.
 */
import { PathPressError } from '../engine/errors.js';
import { mean } from './statistics.js';

/** Rows compared at a time: two blocks of 64 × 384 doubles fit the second-level cache. */
const block = 64;

/**
 * For each threshold, how many other sentences each sentence is similar to. Works block against block, so memory is
 * linear in the number of sentences; each pair is computed once, in double precision.
 * @param vectors unit vectors, row-major (sentences × dim)
 * @param thresholds cosines; similar is strictly above
 * @returns counts (thresholds)(sentences)
 * @throws BAD_OPTION where dim does not divide the vectors
 */
export function neighbourCounts(vectors: Float32Array, dim: number, thresholds: readonly number[]): Int32Array[] {
  const sentences = rows(vectors, dim);
  const counts = thresholds.map(() => new Int32Array(sentences));
  const lowest = Math.min(...thresholds);
  const [left, right] = [new Float64Array(block * dim), new Float64Array(block * dim)];
  const cosines = new Float64Array(block * block);
  for (let i0 = 0; i0 < sentences; i0 += block) {
    const iCount = loadBlock(left, vectors, i0, sentences, dim);
    for (let j0 = i0; j0 < sentences; j0 += block) {
      const jCount = loadBlock(right, vectors, j0, sentences, dim);
      blockCosines(cosines, left, right, dim, iCount, jCount);
      for (let i = 0; i < iCount; i++) {
        for (let j = i0 === j0 ? i + 1 : 0; j < jCount; j++) {
          const cosine = cosines[i * block + j];
          if (!(cosine > lowest)) continue;
          for (let t = 0; t < thresholds.length; t++) {
            if (!(cosine > thresholds[t])) continue;
            counts[t][i0 + i]++;
            counts[t][j0 + j]++;
          }
        }
      }
    }
  }
  return counts;
}

function rows(vectors: Float32Array, dim: number): number {
  if (!Number.isInteger(dim) || dim < 1 || vectors.length % dim !== 0) {
    throw new PathPressError('BAD_OPTION', `${vectors.length} numbers are not rows of ${dim}`);
  }
  return vectors.length / dim;
}

/** Copies up to `block` rows from row `from` on; rows to the next multiple of 4 are zeroed. Returns how many there are. */
function loadBlock(target: Float64Array, vectors: Float32Array, from: number, sentences: number, dim: number): number {
  const count = Math.min(block, sentences - from);
  target.set(vectors.subarray(from * dim, (from + count) * dim));
  target.fill(0, count * dim, Math.min(block, count + 3) * dim);
  return count;
}

/** cosines[i·block + j] = left_i · right_j, 4 × 4 at a time so that each number loaded is used four times. */
function blockCosines(
  cosines: Float64Array,
  left: Float64Array,
  right: Float64Array,
  dim: number,
  iCount: number,
  jCount: number,
): void {
  for (let i = 0; i < iCount; i += 4) {
    for (let j = 0; j < jCount; j += 4) {
      tile(cosines, i * block + j, left, i * dim, right, j * dim, dim);
    }
  }
}

function tile(
  out: Float64Array,
  at: number,
  left: Float64Array,
  l: number,
  right: Float64Array,
  r: number,
  dim: number,
): void {
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
  const [l1, l2, l3, r1, r2, r3] = [l + dim, l + 2 * dim, l + 3 * dim, r + dim, r + 2 * dim, r + 3 * dim];
  for (let k = 0; k < dim; k++) {
    const b0 = right[r + k];
    const b1 = right[r1 + k];
    const b2 = right[r2 + k];
    const b3 = right[r3 + k];
    let a = left[l + k];
    s00 += a * b0;
    s01 += a * b1;
    s02 += a * b2;
    s03 += a * b3;
    a = left[l1 + k];
    s10 += a * b0;
    s11 += a * b1;
    s12 += a * b2;
    s13 += a * b3;
    a = left[l2 + k];
    s20 += a * b0;
    s21 += a * b1;
    s22 += a * b2;
    s23 += a * b3;
    a = left[l3 + k];
    s30 += a * b0;
    s31 += a * b1;
    s32 += a * b2;
    s33 += a * b3;
  }
  out[at] = s00;
  out[at + 1] = s01;
  out[at + 2] = s02;
  out[at + 3] = s03;
  out[at + block] = s10;
  out[at + block + 1] = s11;
  out[at + block + 2] = s12;
  out[at + block + 3] = s13;
  out[at + 2 * block] = s20;
  out[at + 2 * block + 1] = s21;
  out[at + 2 * block + 2] = s22;
  out[at + 2 * block + 3] = s23;
  out[at + 3 * block] = s30;
  out[at + 3 * block + 1] = s31;
  out[at + 3 * block + 2] = s32;
  out[at + 3 * block + 3] = s33;
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
}

/**
 * rate(N) of each output, at every threshold, in one pass over the pairs.
 * @param outputs unit vectors of each output's sentences, row-major (sentences × dim)
 * @returns (outputs)(thresholds)(similar); NaN for an output without a sentence
 */
export function outputRates(
  outputs: readonly Float32Array[],
  dim: number,
  options: RedundancyOptions = {},
): number[][][] {
  const { thresholds = [0.75], similar = [1, 2, 4] } = options;
  return outputs.map((vectors) =>
    neighbourCounts(vectors, dim, thresholds).map((counts) => similar.map((n) => redundancyRate(counts, n))),
  );
}

/**
 * rate(N) averaged over the outputs that have a sentence: the RPC paper's measure (arXiv 2505.13866).
 * @param outputs unit vectors of each output's sentences, row-major (sentences × dim)
 * @returns shares, 0 to 1 (thresholds)(similar); NaN where no output has a sentence
 * @throws BAD_OPTION where dim does not divide an output's vectors
 */
export function redundancy(outputs: readonly Float32Array[], dim: number, options: RedundancyOptions = {}): number[][] {
  const { thresholds = [0.75], similar = [1, 2, 4] } = options;
  const rates = outputRates(
    outputs.filter((vectors) => vectors.length > 0),
    dim,
    options,
  );
  return thresholds.map((_, t) => similar.map((_, n) => mean(rates.map((rate) => rate[t][n]))));
}

/**
 * The most repeated sentences, greedily: the one with the most similar others takes them along, then the next of what
 * is left; lowest index on ties. Clusters of one are left out.
 * @param vectors unit vectors, row-major (sentences × dim)
 * @param threshold cosine; similar is strictly above
 * @returns at most `most` clusters of row numbers, largest first; in each the sentence that the others are similar to
 *   stands first
 * @throws BAD_OPTION where dim does not divide the vectors
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
