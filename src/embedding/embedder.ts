import { PathPressError } from '../engine/errors.js';
import { pause } from '../pause.js';

/** all-MiniLM-L6-v2, Universal Sentence Encoder lite, model2vec's static vectors, and, without a model, hashed words. */
export type EmbedderName = 'minilm' | 'use' | 'static' | 'lexical';

/** Turns sentences into vectors whose dot product is their cosine similarity. */
export interface Embedder {
  readonly name: EmbedderName;
  /** What made the vectors, for records and caches: the name, and the SHA-256 of the weights where there are any. */
  readonly id: string;
  /** Numbers in a vector. */
  readonly dim: number;
  /**
   * @returns unit vectors, row-major (sentences × dim); a sentence without any token is all zeros, similar to nothing
   * @param onProgress told how many sentences are done, now and then
   */
  embed(sentences: readonly string[], onProgress?: (done: number) => void): Promise<Float32Array>;
  /** Lets go of the weights. */
  dispose(): Promise<void>;
}

/**
 * Runs a batch function over sentences sorted by length, so that a batch holds little padding, and puts the rows back
 * in the order given. Blank sentences are not run.
 * @param run unit vectors of a batch, row-major (batch × dim)
 */
export async function embedByLength(
  sentences: readonly string[],
  dim: number,
  batch: number,
  run: (sentences: string[]) => Promise<Float32Array>,
  onProgress?: (done: number) => void,
): Promise<Float32Array> {
  const vectors = new Float32Array(sentences.length * dim); // (sentences, dim)
  const order = sentences.map((_, i) => i).filter((i) => sentences[i].trim() !== '');
  order.sort((a, b) => sentences[a].length - sentences[b].length || a - b);
  for (let from = 0; from < order.length; from += batch) {
    const rows = order.slice(from, from + batch);
    const made = await run(rows.map((i) => sentences[i]));
    rows.forEach((row, i) => vectors.set(made.subarray(i * dim, (i + 1) * dim), row * dim));
    await pause(); // a model in JavaScript never waits for anything, and Ctrl-C would for it
    onProgress?.(sentences.length - order.length + from + rows.length);
  }
  return vectors;
}

/**
 * Scales each row to length 1, in place; a row of zeros stays.
 * @throws BAD_WEIGHTS where a row is not finite, naming the embedder
 */
export function normaliseRows(vectors: Float32Array, dim: number, name: string): Float32Array {
  for (let row = 0; row < vectors.length; row += dim) {
    let square = 0;
    for (let k = row; k < row + dim; k++) square += vectors[k] * vectors[k];
    if (!Number.isFinite(square)) throw new PathPressError('BAD_WEIGHTS', `embedder ${name}: a vector is not finite`);
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let k = row; k < row + dim; k++) vectors[k] *= scale;
  }
  return vectors;
}
