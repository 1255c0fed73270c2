/** How a sweep shares out cores and memory among its worker processes. */
import { availableParallelism, totalmem } from 'node:os';
import { defaultBatch } from '../evaluate/batch.js';

export interface Crew {
  /** Processes, one engine each. */
  workers: number;
  /** Of each engine. */
  threads: number;
}

/**
 * Weights of this size stay in a core's caches, and engines side by side do not wait for memory: a worker a core was 5 to
 * 20 % faster than one worker with both threads (bundled reasoner, 3.6 MB, batch 64, 2 cores). Each of them reads all
 * weights at every step, so that of larger ones a single engine on all cores has the least to read.
 */
const smallWeights = 32e6;

const tileTokens = 4; // that a product multiplies its weights with at once
const largeBatch = 64; // so that reading large weights is shared by many tokens

/**
 * Samples in flight at once in each worker where nobody says otherwise. Of small weights, as many in all workers together
 * as one engine has: on 2 cores two workers with 4 each gave 53,200 tokens/s, with 64 each 30,000.
 * @param weightsBytes of the largest model
 */
export function batchOf(workers: number, weightsBytes: number): number {
  return weightsBytes <= smallWeights ? Math.max(tileTokens, Math.ceil(defaultBatch / workers)) : largeBatch;
}

/** The crew, where one of the two numbers or neither is given. @param weightsBytes of the largest model */
export function crewOf({ workers, threads }: Partial<Crew>, weightsBytes: number): Crew {
  const cores = availableParallelism();
  const share = (by: number): number => Math.max(1, Math.floor(cores / by));
  const some = workers ?? (threads !== undefined ? share(threads) : weightsBytes <= smallWeights ? cores : 1);
  return { workers: some, threads: threads ?? share(some) };
}

/** Bytes that the caches of one of several engines may hold; undefined for one alone, whose own limit is the machine's. */
export function shareOfMemory(workers: number): number | undefined {
  if (workers === 1) return undefined;
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.floor((0.8 * memory) / workers);
}
