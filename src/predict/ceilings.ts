/** What a GPU gives at most, whatever program runs on it: measured where a record says so, else as published. */
import { PathPressError } from '../engine/errors.js';

/** One GPU's ceilings. */
export interface GpuCeilings {
  device: string;
  /** Of a kernel that only reads. */
  readBytesPerSecond: number;
  /** bf16 operations a second (a multiply-add is two) of a large product. */
  matrixRate: number;
  /** From the end of one kernel in a CUDA graph to the next one's being at work. */
  launchGapSeconds: number;
  /** Streaming multiprocessors. */
  processors: number;
  memoryBytes: number;
  source: 'measured' | 'published';
}

/**
 * One kernel after another in a graph: about 1 µs a boundary, which programmatic dependent launch takes away again
 * (llama.cpp #22522, pegainfer #569).
 */
const launchGapSeconds = 1e-6;

/**
 * 989.5 TFLOP/s of dense bf16 by NVIDIA's data sheets of H100 SXM and H200, which have the same processors; TileOPs'
 * profile of an H200 (h200.yaml) holds 70.8 % of it.
 */
const matrixRate = 0.708 * 989.5e12;

/** What TileOPs' profile of an H200 reads of its data sheet's bandwidth. */
const readShare = 0.938;

/** By the name that figures use. */
export const publishedCeilings: Record<string, GpuCeilings> = {
  /** Data sheet: 3.35 TB/s, 80 GB, 132 processors. No published read probe at hand: the H200's share of it, 3.14 TB/s. */
  H100: {
    device: 'H100', readBytesPerSecond: readShare * 3.35e12, matrixRate, launchGapSeconds, processors: 132, memoryBytes: 80e9, source: 'published',
  },
  /** Data sheet: 4.8 TB/s, 141 GB, 132 processors; TileOPs' profile reads 93.8 % of it, 4.50 TB/s. */
  H200: {
    device: 'H200', readBytesPerSecond: readShare * 4.8e12, matrixRate, launchGapSeconds, processors: 132, memoryBytes: 141e9, source: 'published',
  },
};

/** A GPU as published. @throws PathPressError BAD_OPTION naming it and those there are */
export function publishedGpu(device: string): GpuCeilings {
  if (Object.hasOwn(publishedCeilings, device)) return publishedCeilings[device]!;
  throw new PathPressError('BAD_OPTION', `device "${device}": not one of ${Object.keys(publishedCeilings).join(', ')}`);
}
