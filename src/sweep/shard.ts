/** Which samples of a sweep are a shard's: a function of cell and problem alone, so that no shard asks another. */
import type { SampleId } from '../evaluate/evaluate.js';

/** Shard `index` of `of`, from 1 on. */
export interface Shard {
  index: number;
  of: number;
}

/** More would be a slip of the hand: a list of all of them is made now and then. */
export const mostShards = 100_000;
/** Of a whole sweep: the identities of all its samples are held at once. */
export const mostSamples = 4_000_000;

/** Problems go round the shards, each cell beginning one further, so that small cells do not all fall to the first. */
export function inShard(shard: Shard | null, cell: number, problem: number): boolean {
  return !shard || (cell + problem) % shard.of === shard.index - 1;
}

/** A cell's samples that are the shard's, in order; `cell` is its number in the manifest. */
export function samplesOf({ problems, samplesPerProblem }: { problems: number; samplesPerProblem: number }, cell: number, shard: Shard | null): SampleId[] {
  const samples: SampleId[] = [];
  for (let problem = 0; problem < problems; problem++) {
    if (!inShard(shard, cell, problem)) continue;
    for (let sample = 0; sample < samplesPerProblem; sample++) samples.push({ problem, sample });
  }
  return samples;
}
