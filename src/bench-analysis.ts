/** The analysis part of `npm run bench`: entropy against numpy, similarity against embedding the same sentences. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ngramEntropy } from './analysis/entropy.js';
import { randomIndex } from './analysis/random.js';
import { neighbourCounts } from './analysis/redundancy.js';
import { defaultEmbedder, openEmbedder } from './embedding/open.js';
import { packageRoot } from './package.js';

export interface AnalysisCase {
  name: string;
  /** Median of the rounds, and all of them. */
  seconds: number;
  rounds: number[];
  reference: string;
  /** Of the reference, median; undefined where it is not at hand. */
  referenceSeconds?: number;
}

const ids = 10_000_000;
const vocabulary = 151_936;
const sentences = 5000;
const embedded = 500; // embedding is linear in sentences of like lengths; more would take minutes
const rounds = 5;
const thresholds = [0.5, 0.6, 0.7, 0.75, 0.8, 0.9];

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

/** Rounds are interleaved with the reference's. @param folder for the ids that numpy reads */
export async function benchAnalysis(folder: string): Promise<AnalysisCase[]> {
  return [...entropyCases(folder), ...(await sentenceCases())];
}

function entropyCases(folder: string): AnalysisCase[] {
  // Like text: the rank of an id is log-uniform, so that its frequency is about 1 / rank.
  const text = Int32Array.from({ length: ids }, (_, i) => Math.floor(vocabulary ** (randomIndex(1 << 30, 1, i) / (1 << 30))) - 1);
  const file = join(folder, 'ids.bin');
  writeFileSync(file, text);
  const own: number[][] = [[], [], []];
  const theirs: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    const numpy = numpyEntropy(file);
    for (const n of [1, 2, 3]) {
      let bits = 0;
      own[n - 1].push(timed(() => (bits = ngramEntropy(text, n))));
      if (!numpy) continue;
      theirs[n - 1].push(numpy[n].seconds);
      if (Math.abs(bits - numpy[n].bits) > 1e-9) throw new Error(`n ${n}: ${bits} bits, numpy has ${numpy[n].bits}`);
    }
  }
  return own.map((seconds, i) => ({
    name: `entropy, n = ${i + 1}, ${ids} ids`,
    seconds: median(seconds),
    rounds: seconds,
    reference: 'numpy, np.unique of packed grams',
    ...(theirs[i].length > 0 && { referenceSeconds: median(theirs[i]) }),
  }));
}

/** What numpy_entropy.py prints; undefined where there is no Python with numpy. */
function numpyEntropy(file: string): Record<string, { bits: number; seconds: number }> | undefined {
  const script = join(packageRoot, 'data/fixtures/analysis/numpy_entropy.py');
  const { status, stdout } = spawnSync('python3', [script, file], { encoding: 'utf8' });
  return status === 0 ? (JSON.parse(stdout) as Record<string, { bits: number; seconds: number }>) : undefined;
}

async function sentenceCases(): Promise<AnalysisCase[]> {
  const words = (sentence: number): string =>
    Array.from({ length: 6 + randomIndex(14, 2, sentence) }, (_, i) => `${randomIndex(300, 3 + sentence, i)}`).join(' ');
  const embedder = await openEmbedder(await defaultEmbedder(), { cache: false });
  try {
    const texts = Array.from({ length: embedded }, (_, i) => words(i));
    await embedder.embed(texts.slice(0, 16)); // what is prepared at first use is not counted
    const [similarity, embedding]: number[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      const made = await embedder.embed(texts);
      embedding.push(((performance.now() - start) / 1000) * (sentences / embedded));
      const vectors = new Float32Array(sentences * embedder.dim);
      for (let at = 0; at < vectors.length; at += made.length) vectors.set(made, at);
      similarity.push(timed(() => neighbourCounts(vectors, embedder.dim, thresholds)));
    }
    return [
      {
        name: `similarity of ${sentences} sentences, ${thresholds.length} thresholds`,
        seconds: median(similarity),
        rounds: similarity,
        reference: `embedding them (${embedder.name}, from ${embedded})`,
        referenceSeconds: median(embedding),
      },
    ];
  } finally {
    await embedder.dispose();
  }
}
