import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { embedByLength, normaliseRows, runByLength, type Embedder } from './embedder.js';
import { defaultEmbedder, embedderNames, openEmbedder } from './open.js';

const model2vec = fileURLToPath(new URL('../../../shared/data/models/model2vec-bge-base-vq64', import.meta.url));
const cosine = (v: Float32Array, dim: number, a: number, b: number): number => {
  let sum = 0;
  for (let k = 0; k < dim; k++) sum += v[a * dim + k] * v[b * dim + k];
  return sum;
};

/** What every embedder owes, whatever it thinks is similar. */
async function keepsItsWord(embedder: Embedder): Promise<void> {
  const { dim } = embedder;
  const sentences = [
    'Wait, let me check that again.',
    'The recipe needs two eggs.',
    '',
    'Wait, let me check this again.',
    'x'.repeat(9000),
    '我们再检查一下。',
    'Wait, let me check that again.',
  ];
  const vectors = await embedder.embed(sentences);
  expect(vectors).toHaveLength(sentences.length * dim);
  for (const row of [0, 1, 3, 6]) expect(cosine(vectors, dim, row, row)).toBeCloseTo(1, 5);
  expect(cosine(vectors, dim, 2, 2)).toBe(0); // blank
  expect(vectors.every(Number.isFinite)).toBe(true);
  expect(cosine(vectors, dim, 0, 3)).toBeGreaterThan(cosine(vectors, dim, 0, 1) + 0.2);
  // A vector does not depend on what else was asked for.
  const alone = await embedder.embed(['The recipe needs two eggs.']);
  for (let k = 0; k < dim; k++) expect(alone[k]).toBeCloseTo(vectors[dim + k], 5);
  expect(await embedder.embed([])).toHaveLength(0);
  await embedder.dispose();
}

describe('embedders', { timeout: 60000 }, () => {
  it('lexical: without a model', async () => keepsItsWord(await openEmbedder('lexical')));

  it('use: weights inside the package', async () => {
    const embedder = await openEmbedder('use', { cache: false });
    expect(embedder).toMatchObject({ name: 'use', dim: 512 });
    await keepsItsWord(embedder);
  });

  it('use: meaning, not words', async () => {
    const embedder = await openEmbedder('use', { cache: false });
    const vectors = await embedder.embed(['How old are you?', 'What is your age?', 'How old is this building?']);
    expect(cosine(vectors, 512, 0, 1)).toBeGreaterThan(cosine(vectors, 512, 0, 2));
    await embedder.dispose();
  });

  it.skipIf(!existsSync(model2vec))(
    'static: a real model2vec file (skipped where ../shared/data is absent)',
    async () => {
      await keepsItsWord(await openEmbedder('static', { path: model2vec }));
    },
  );

  it('runs batches sorted by length and gives rows back in order', async () => {
    const seen: string[][] = [];
    const progress: number[] = [];
    const run = async (batch: string[]): Promise<Float32Array> => {
      seen.push(batch);
      return Float32Array.from(batch.flatMap((s) => [s.length, 1]));
    };
    const vectors = await embedByLength(['ccc', ' ', 'a', 'bb', 'dddd'], 2, 2, run, (done) => progress.push(done));
    expect([...vectors]).toEqual([3, 1, 0, 0, 1, 1, 2, 1, 4, 1]);
    expect(seen).toEqual([
      ['a', 'bb'],
      ['ccc', 'dddd'],
    ]);
    expect(progress).toEqual([3, 5]);
  });

  it('runs batches beside one another where asked, and none after one has failed', async () => {
    const [late, running]: [number[], number[]] = [[], []];
    let [now, failed] = [0, false];
    const run = async (places: number[]): Promise<Float32Array> => {
      running.push(++now);
      if (failed) late.push(...places);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      if (places.includes(4)) {
        failed = true;
        throw new Error('four');
      }
      return Float32Array.from(places);
    };
    const lengths = [9, 0, 1, 8, 2, 7, 3, 6, 4, 5];
    await expect(runByLength(lengths, { dim: 1, batch: 1, together: 3 }, run)).rejects.toThrow('four');
    expect(Math.max(...running)).toBe(3);
    expect(late).toEqual([]);
    expect(running.length).toBeLessThan(9);
    failed = false;
    const without = lengths.map((length, i) => (i === 4 ? 0 : length));
    expect([...(await runByLength(without, { dim: 1, batch: 2, together: 3 }, run))]).toEqual([0, 0, 2, 3, 0, 5, 6, 7, 8, 9]);
  });

  it('lets timers and signals in between batches, though the model itself never waits', async () => {
    let asked = 0;
    const interrupted = new AbortController();
    const run = async (batch: string[]): Promise<Float32Array> => {
      asked++;
      return new Float32Array(batch.length).fill(1);
    };
    setImmediate(() => interrupted.abort());
    const embedding = embedByLength(Array(100).fill('a'), 1, 1, run, () => interrupted.signal.throwIfAborted());
    await expect(embedding).rejects.toMatchObject({ name: 'AbortError' });
    expect(asked).toBeLessThan(5);
  });

  it('a vector that is not finite is an error, zeros stay', () => {
    expect([...normaliseRows(Float32Array.of(3, 4, 0, 0), 2, 'x')].map((x) => Math.fround(x))).toEqual([
      Math.fround(0.6),
      Math.fround(0.8),
      0,
      0,
    ]);
    expect(() => normaliseRows(Float32Array.of(1, Number.NaN), 2, 'x')).toThrow(/embedder x/);
  });

  it('refuses names and folders without meaning', async () => {
    expect(embedderNames).toEqual(['minilm', 'use', 'static', 'lexical']);
    await expect(openEmbedder('toString' as never)).rejects.toThrow(
      /one of minilm, use, static, lexical, not toString/,
    );
    await expect(openEmbedder('static')).rejects.toThrow(/static needs a folder/);
    await expect(openEmbedder('lexical', { path: '/x' })).rejects.toThrow(/takes no folder, got \/x/);
    await expect(openEmbedder('static', { path: '/no/such' })).rejects.toMatchObject({ code: 'BAD_FILE' });
    await expect(openEmbedder('minilm', { path: '/no/such' })).rejects.toMatchObject({ code: 'BAD_FILE' });
  });

  it('defaults to use where MiniLM is nowhere', async () => {
    const before = process.env.PATHPRESS_MINILM;
    process.env.PATHPRESS_MINILM = fileURLToPath(new URL('.', import.meta.url));
    const found = await defaultEmbedder();
    if (before === undefined) delete process.env.PATHPRESS_MINILM;
    else process.env.PATHPRESS_MINILM = before;
    // A developer may have fetched the weights into .cache/minilm.
    const fetched = existsSync(fileURLToPath(new URL('../../.cache/minilm/tokenizer.json', import.meta.url)));
    expect(found).toBe(fetched ? 'minilm' : 'use');
  });
});
