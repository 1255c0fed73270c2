import type { Scorer } from '../scorer.js';

/** A score that beats nothing: all are alike, and on ties the earlier one stays. */
export const firstCome: Scorer = ({ votes }) => new Float32Array(votes.length);
