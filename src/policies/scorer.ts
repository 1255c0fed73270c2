/** A score of one's own: a function that a compression asks in place of the policy's. */
import { createHash } from 'node:crypto';
import { PathPressError } from '../engine/errors.js';
import type { Policy } from './policy.js';

/** What a compression may evict of one set, in the order of positions; n candidates. The arrays are the function's own. */
export interface Candidates {
  /** Generated tokens whose entries exist. */
  generated: number;
  layer: number;
  /** null where one set serves the layer, else the key-value head. */
  head: number | null;
  /** How many of them will stay: those with the highest scores, the earlier one on ties. */
  stay: number;
  /** (n) what the policy itself would score: RPC's votes, pooled as its options say. */
  votes: Float32Array;
  /** (n) 0-based, the prompt's tokens counted. */
  positions: Int32Array;
  /** (n) token ids. */
  ids: Int32Array;
  /** (n) entropy in bits of the model's distribution (temperature 1, nothing cut off) that the token was drawn from; NaN in the prompt. */
  entropies: Float32Array;
  /** With `scoreKeys` only: (keyHeads, n, keySize), as cached: rotated at their positions. */
  keys?: Float32Array;
  keyHeads?: number;
  keySize?: number;
}

/**
 * Scores a set's candidates, higher is better: n numbers, infinities allowed. Called for each layer (and head) at each
 * compression at which something leaves, and for one compression again where its sequence had to be computed anew: the
 * same candidates must get the same scores. What it throws ends the run.
 */
export type Scorer = (candidates: Candidates, layer: number) => Float32Array;

/**
 * The scores that a scorer gives.
 * @throws PathPressError BAD_SCORER naming request, compression and layer, where it throws or gives anything but n numbers
 */
export function askScorer(score: Scorer, candidates: Candidates, request: number): Float32Array {
  const { generated, head, layer, votes } = candidates;
  const where = `request ${request}, compression at token ${generated}, layer ${layer}${head === null ? '' : `, head ${head}`}`;
  const refuse = (what: string, cause?: unknown): never => {
    throw new PathPressError('BAD_SCORER', `${where}: the score ${what}`, { cause });
  };
  const wanted = votes.length;
  let scores: unknown;
  try {
    scores = score(candidates, layer);
  } catch (cause) {
    refuse(`threw ${String(cause)}`, cause);
  }
  if (scores instanceof Promise) {
    scores.catch(() => undefined);
    refuse('gave a promise: it must not wait for anything');
  }
  if (!(scores instanceof Float32Array)) return refuse(`gave ${describe(scores)}, not a Float32Array`);
  if (scores.length !== wanted) refuse(`gave ${scores.length} numbers for ${wanted} candidates`);
  const bad = scores.findIndex(Number.isNaN);
  if (bad >= 0) refuse(`of candidate ${bad} is NaN`);
  return scores;
}

const describe = (value: unknown): string =>
  typeof value === 'object' && value !== null ? value.constructor?.name ?? 'an object' : String(value);

/**
 * A policy as records carry it: a scorer by its name and the hash of its source, which tells two apart but cannot be run.
 * What a scorer closes over is not in its hash.
 */
export function recordedPolicy(policy: Policy): Policy {
  if (!('score' in policy) || typeof policy.score !== 'function') return policy;
  const { name, score } = { name: policy.score.name, score: String(policy.score) };
  const sha256 = createHash('sha256').update(score).digest('hex');
  return { ...policy, score: { function: name, sha256 } } as unknown as Policy;
}
