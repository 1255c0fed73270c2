/** How a sweep shares out cores and memory among its worker processes. */
import { availableParallelism, totalmem } from 'node:os';
import { PathPressError } from '../engine/errors.js';
import type { Device } from '../engine/types.js';
import { defaultBatch } from '../evaluate/batch.js';

export interface Crew {
  /** Processes, one engine each. */
  workers: number;
  /** Of each engine. */
  threads: number;
}

/**
 * Weights of this size stay in a core's caches, and engines side by side do not wait for memory: on 2 cores a worker a core
 * is as fast as one worker with both threads to within 4 % (bundled reasoner, 3.6 MB). Each of them reads all weights at every
 * step, so that of larger ones a single engine on all cores has the least to read.
 */
const smallWeights = 32e6;

const tileTokens = 4; // fewer would leave a product's multipliers waiting
const largeBatch = 64; // so that reading large weights is shared by many tokens

/** What decides how a sweep is shared out: bytes of the largest model's weights, and where they are multiplied. */
export interface Load {
  weightsBytes: number;
  device: Device;
}

const isSmall = ({ weightsBytes, device }: Load): boolean => device === 'cpu' && weightsBytes <= smallWeights;

/**
 * Samples in flight at once in each worker where nobody says otherwise. Of small weights, as many in all workers together
 * as one engine has, so that their caches stay in the processor's: on 2 cores two workers with 8 each give 63,500 tokens/s.
 */
export function batchOf(workers: number, load: Load): number {
  return isSmall(load) ? Math.max(tileTokens, Math.ceil(defaultBatch / workers)) : largeBatch;
}

/**
 * The crew, where one of the two numbers or neither is given. A GPU takes one worker, whose engine fills it.
 * @throws PathPressError BAD_OPTION where more are wanted there
 */
export function crewOf({ workers, threads }: Partial<Crew>, load: Load): Crew {
  if (load.device !== 'cpu') {
    if (workers !== undefined && workers > 1)
      throw new PathPressError('BAD_OPTION', `workers ${workers}: device ${load.device} takes one, whose engine fills it`);
    return { workers: 1, threads: threads ?? availableParallelism() };
  }
  const cores = availableParallelism();
  const share = (by: number): number => Math.max(1, Math.floor(cores / by));
  const some = workers ?? (threads !== undefined ? share(threads) : isSmall(load) ? cores : 1);
  return { workers: some, threads: threads ?? share(some) };
}

/** Bytes that the caches of one of several engines may hold; undefined for one alone, whose own limit is the machine's. */
export function shareOfMemory(workers: number): number | undefined {
  if (workers === 1) return undefined;
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.floor((0.8 * memory) / workers);
}
