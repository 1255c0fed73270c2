import { embedByLength, normaliseRows, type Embedder } from './embedder.js';

const dim = 1024;
const batch = 256;

/**
 * Embedder without a model: signed hashing of words and of the letter trigrams within them. Similar means that the
 * words are, never the meaning.
 */
export function openLexical(): Embedder {
  return {
    name: 'lexical',
    id: 'lexical-1',
    dim,
    embed: (sentences, onProgress) => embedByLength(sentences, dim, batch, async (rows) => hashed(rows), onProgress),
    dispose: async () => {},
  };
}

function hashed(sentences: string[]): Float32Array {
  const vectors = new Float32Array(sentences.length * dim); // (sentences, dim)
  sentences.forEach((sentence, row) => {
    for (const [word] of sentence
      .toLowerCase()
      .normalize('NFKC')
      .matchAll(/[\p{L}\p{N}]+/gu)) {
      add(vectors, row, `w${word}`, 1);
      const framed = `^${word}$`;
      for (let i = 0; i + 3 <= framed.length; i++) add(vectors, row, framed.slice(i, i + 3), 0.5);
    }
  });
  return normaliseRows(vectors, dim, 'lexical');
}

function add(vectors: Float32Array, row: number, feature: string, weight: number): void {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < feature.length; i++) hash = Math.imul(hash ^ feature.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  vectors[row * dim + ((hash >>> 8) % dim)] += hash & 1 ? weight : -weight;
}
