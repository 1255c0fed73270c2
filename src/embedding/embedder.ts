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
  const lengths = sentences.map((sentence) => (sentence.trim() === '' ? 0 : sentence.length));
  return runByLength(lengths, { dim, batch }, (rows) => run(rows.map((i) => sentences[i])), onProgress);
}

/**
 * Likewise of anything that has a length, by its place; what has none is not run. Batches may run beside one another.
 * @param lengths in what a batch is padded in
 * @param run unit vectors of the sentences at these places, row-major (batch × dim)
 */
export async function runByLength(
  lengths: readonly number[],
  { dim, batch, together = 1 }: { dim: number; batch: number; together?: number },
  run: (places: number[]) => Promise<Float32Array>,
  onProgress?: (done: number) => void,
): Promise<Float32Array> {
  const vectors = new Float32Array(lengths.length * dim); // (sentences, dim)
  const order = lengths.map((_, i) => i).filter((i) => lengths[i] > 0);
  order.sort((a, b) => lengths[a] - lengths[b] || a - b);
  let [from, done] = [0, lengths.length - order.length];
  const lane = async (): Promise<void> => {
    while (from < order.length) {
      const rows = order.slice(from, (from += batch));
      try {
        const made = await run(rows);
        rows.forEach((row, i) => vectors.set(made.subarray(i * dim, (i + 1) * dim), row * dim));
        await pause(); // a model in JavaScript never waits for anything, and Ctrl-C would for it
        onProgress?.((done += rows.length));
      } catch (error) {
        from = order.length; // the other lanes end with their batch
        throw error;
      }
    }
  };
  for (const end of await Promise.allSettled(Array.from({ length: together }, lane))) {
    if (end.status === 'rejected') throw end.reason;
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
