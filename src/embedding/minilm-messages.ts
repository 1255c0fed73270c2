/** What MiniLM's workers are told, and tell. */
import type { ErrorCode } from '../engine/errors.js';

/** Numbers in a vector. */
export const dim = 384;

/** A batch: token ids padded by 0 to the longest, and which of them are real (1), both (rows × tokens). */
export interface Padded {
  ids: BigInt64Array;
  mask: BigInt64Array;
  rows: number;
  tokens: number;
}

/** To a worker: an ONNX file, and how many threads its runtime may take; then batches, each when the one before is done. */
export type ToWorker = { weights: string; threads: number } | { batch: Padded };

/** From a worker: that the weights are there, a batch's unit vectors (rows × dim), or what went wrong. */
export type FromWorker = { opened: true } | { vectors: Float32Array } | { failed: { code: ErrorCode; message: string } };
