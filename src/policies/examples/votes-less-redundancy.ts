import type { Scorer } from '../scorer.js';

/** RPC's votes less R-KV's redundancy (arXiv 2505.24133): a key loses that resembles the others. Needs `scoreKeys: true`. */
export const votesLessRedundancy: Scorer = ({ votes, keys = new Float32Array(), keyHeads = 0, keySize = 0 }) => {
  const n = votes.length;
  const total = votes.reduce((a, b) => a + b, 0);
  const scores = votes.map((vote) => (0.1 * vote) / total); // R-KV's lambda
  for (let head = 0; head < keyHeads; head++) {
    const rows = Array.from(scores, (_, i) => keys.subarray((head * n + i) * keySize, (head * n + i + 1) * keySize));
    const units = rows.map((row) => row.map((x) => x / Math.hypot(...row)));
    const sum = units.reduce((a, unit) => a.map((x, j) => x + unit[j]), new Float32Array(keySize));
    units.forEach((unit, i) => (scores[i] -= (0.9 * unit.reduce((a, x, j) => a + x * sum[j], 0)) / (n * n * keyHeads)));
  }
  return scores;
};
