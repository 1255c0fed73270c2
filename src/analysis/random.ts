/**
 * Counter-based random numbers: a draw is a function of (seed, counters…) and of nothing drawn before, so a result
 * depends neither on the order of the computation nor on what else was sampled.
 */

/** A bijection of 32-bit words with low bias: Christopher Wellons' `triple32`. */
function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 17), 0xed5ad4bb);
  x = Math.imul(x ^ (x >>> 11), 0xac4c1b51);
  x = Math.imul(x ^ (x >>> 15), 0x31848bab);
  return x ^ (x >>> 14);
}

/** 32 random bits (unsigned) of a seed and up to two counters; all are taken modulo 2^32. */
export function randomBits(seed: number, counter: number, stream = 0): number {
  const key = mix(mix((seed ^ 0x9e3779b9) | 0) + Math.imul(stream | 0, 0x85ebca6b));
  return mix(key + mix((counter + 0x632be5ab) | 0)) >>> 0;
}

/** An integer drawn uniformly from 0 … `bound` − 1 (bound up to 2^32; bias below bound / 2^32). */
export function randomIndex(bound: number, seed: number, counter: number, stream = 0): number {
  return Math.floor((randomBits(seed, counter, stream) / 4294967296) * bound);
}

/** The numbers 0 … `count` − 1 in an order that only the seed decides (Fisher–Yates). */
export function shuffledIndices(count: number, seed: number, stream = 0): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i); // (count)
  for (let i = count - 1; i > 0; i--) {
    const j = randomIndex(i + 1, seed, i, stream);
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}
