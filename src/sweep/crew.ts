/** How a sweep shares out cores and memory among its worker processes. */
import { availableParallelism, totalmem } from 'node:os';
import { PathPressError } from '../engine/errors.js';
import { isSmall, type Load } from '../evaluate/batch.js';

export interface Crew {
  /** Processes, one engine each. */
  workers: number;
  /** Of each engine. */
  threads: number;
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
