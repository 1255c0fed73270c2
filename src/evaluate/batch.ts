/** How many samples are in flight at once where nobody says otherwise. */
import type { Device } from '../engine/types.js';

/** What decides it: bytes of the largest model's weights, and where they are multiplied. */
export interface Load {
  weightsBytes: number;
  device: Device;
}

/**
 * Weights of this size stay in a core's caches, and engines side by side do not wait for memory: on 2 cores a worker a core
 * is as fast as one worker with both threads to within 4 % (bundled reasoner, 3.6 MB). Each of them reads all weights at every
 * step, so that of larger ones a single engine on all cores has the least to read.
 */
const smallWeights = 32e6;

/**
 * Of small weights. More bring the bundled reasoner nothing: so many as a processor's caches hold take turns
 * (native/engine/batch.cc), and a large batch runs out unevenly at its end.
 */
export const defaultBatch = 16;

const tileTokens = 4; // fewer would leave a product's multipliers waiting
const largeBatch = 64; // so that reading large weights is shared by many tokens

export const isSmall = ({ weightsBytes, device }: Load): boolean => device === 'cpu' && weightsBytes <= smallWeights;

/**
 * Of each engine, `workers` side by side. Of small weights, as many in all workers together as one engine has, so that their
 * caches stay in the processor's: on 2 cores two workers with 8 each come within 5 % of one with 16.
 */
export function batchOf(workers: number, load: Load): number {
  return isSmall(load) ? Math.max(tileTokens, Math.ceil(defaultBatch / workers)) : largeBatch;
}
