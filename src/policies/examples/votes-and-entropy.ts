import type { Scorer } from '../scorer.js';

/** RPC's votes, worth more for tokens that the model was unsure of: what follows from the rest need not be kept. */
export const votesAndEntropy: Scorer = ({ votes, entropies }) =>
  votes.map((vote, i) => vote * (1 + (Number.isNaN(entropies[i]) ? 0 : entropies[i])));
