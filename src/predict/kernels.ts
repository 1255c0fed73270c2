/** What is expected of the CUDA engine's kernels under a GPU's ceilings, and how long one of them takes by that. */
import type { GpuCeilings } from './ceilings.js';

/** Expected, not measured: shares are of the ceilings. */
export interface KernelQuality {
  /** Of the read bandwidth, of a product that has work for every processor. */
  weights: number;
  /** Of the read bandwidth, of attention and of compression. */
  cache: number;
  /** Of the matrix rate. */
  matrix: number;
  /** What one processor reads where the others have nothing left to do. */
  processorBytesPerSecond: number;
  /** From one step's graph to the next one's start. */
  stepGapSeconds: number;
  /** Rows of a step that share one reading of the weights. */
  rows: number;
}

/**
 * The design's expectation. Shares of reading: what others' kernels reach on an H200 (TileOPs #243, tuned products at 72 to
 * 89 % of the data sheet's bandwidth, so up to 95 % of what can be read; #2136, attention at 83 %, so 88 %), less a margin:
 * middles of 85 to 90 % for products and of 75 to 85 % for attention. The matrix rate is that of mma.sync, half to six
 * tenths of Hopper's own instruction. A processor has 16 warps of 4 loads of 512 bytes under way, 0.8 µs each. Between
 * steps: 10 µs, with the host one step ahead. Rows: groupTokens of native/cuda/product.h; steps of several such groups, which
 * read the weights once, came after GPUs were measured, and the prediction stays as it was made.
 */
export const expectedQuality: KernelQuality = {
  weights: 0.875, cache: 0.8, matrix: 0.62, processorBytesPerSecond: (16 * 4 * 512) / 0.8e-6, stepGapSeconds: 10e-6, rows: 64,
};

/** Nothing lost: with it only bytes, operations and launches count. */
export const flawless: KernelQuality = {
  weights: 1, cache: 1, matrix: 1, processorBytesPerSecond: Infinity, stepGapSeconds: 0, rows: Number.MAX_SAFE_INTEGER,
};

/** A kernel that reads weights or cache. */
export interface Launch {
  reads: 'weights' | 'cache';
  /** Of global memory; what stays in the second-level cache (a step's rows) is not counted. */
  bytes: number;
  /** A multiply-add is two. */
  operations: number;
  /** Equal pieces of work, each of one processor: 16 rows of a matrix, a chunk of a sequence's entries. */
  pieces: number;
}

/**
 * Seconds of a kernel without the gap behind it: the longer of reading and reckoning. Pieces go round the processors; those
 * of the last round that is not full are read no faster than their processors can, which is what small matrices and short
 * caches lose by.
 */
export function launchSeconds({ reads, bytes, operations, pieces }: Launch, gpu: GpuCeilings, quality: KernelQuality): number {
  const bandwidth = gpu.readBytesPerSecond * quality[reads];
  const last = pieces % gpu.processors;
  const lastBytes = (bytes / pieces) * last;
  const lastSeconds = last > 0 ? lastBytes / Math.min(bandwidth, last * quality.processorBytesPerSecond) : 0;
  const reading = (bytes - lastBytes) / bandwidth + lastSeconds;
  return Math.max(reading, operations / (gpu.matrixRate * quality.matrix));
}
