/** How long a compression takes on the GPU: votes, choice and moves of native/cuda, all layers in one launch a pass. */
import { entryBytes, type Shape } from '../bench/work.js';
import type { GpuCeilings } from './ceilings.js';
import type { KernelQuality } from './kernels.js';

/** One sequence's compression; entries of each layer. */
export interface CompressionWork {
  /** Scored by the window's queries; 0 where nothing votes. */
  candidates: number;
  /** Queries that vote. */
  window: number;
  /** Read and written where they are to stay. */
  moved: number;
}

/** Statistics and votes of the rows, their joining, choice, moves. */
const launches = 5;

/** Of one sequence. The keys are read twice, with the same products: once for each row's sum, once for the votes. */
export function votesWork({ layers, heads, ...shape }: Shape, { candidates, window }: CompressionWork): { keyBytes: number; operations: number } {
  return {
    keyBytes: (candidates * entryBytes({ layers, heads, ...shape })) / 2,
    operations: 2 * window * heads * shape.headDim * candidates * layers,
  };
}

/** Seconds of a compression of `batch` sequences at once. */
export function compressionSeconds(shape: Shape, work: CompressionWork, batch: number, gpu: GpuCeilings, quality: KernelQuality): number {
  const bandwidth = gpu.readBytesPerSecond * quality.cache;
  const { keyBytes, operations } = votesWork(shape, work);
  const vote = Math.max(keyBytes / bandwidth, operations / (gpu.matrixRate * quality.matrix));
  const move = (2 * work.moved * entryBytes(shape)) / bandwidth;
  return batch * (2 * vote + move) + launches * gpu.launchGapSeconds;
}
