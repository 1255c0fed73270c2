/** The analysis against its references: entropy against numpy, similarity against embedding the same sentences. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ngramEntropy } from '../analysis/entropy.js';
import { randomIndex } from '../analysis/random.js';
import { neighbourCounts } from '../analysis/redundancy.js';
import { defaultEmbedder, openEmbedder } from '../embedding/open.js';
import { findMiniLm } from '../embedding/minilm.js';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import type { Context, Part } from './context.js';
import { lacking, Peer, python } from './peers.js';
import { target, timing, type BenchCase, type PeerTiming } from './record.js';

const ids = 10_000_000;
const vocabulary = 151_936;
const sentences = 5000;
const embedded = 500; // embedding is linear in sentences of like lengths; more would take minutes
const thresholds = [0.5, 0.6, 0.7, 0.75, 0.8, 0.9];
const rounds = 3;

export const analysisPart: Part = {
  name: 'analysis',
  jobs: () => [
    { name: `entropy of ${ids} ids`, estimate: 45, run: async (context: Context) => entropyCases(context) },
    { name: `similarity of ${sentences} sentences`, estimate: 20, run: sentenceCases },
  ],
};

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

function entropyCases({ folder, threads, peers }: Context): BenchCase[] {
  // Like text: the rank of an id is log-uniform, so that its frequency is about 1 / rank.
  const text = Int32Array.from({ length: ids }, (_, i) => Math.floor(vocabulary ** (randomIndex(1 << 30, 1, i) / (1 << 30))) - 1);
  const file = join(folder, 'ids.bin');
  writeFileSync(file, text);
  const lengths = [1, 2, 3];
  const own: number[][] = lengths.map(() => []);
  const theirs: number[][] = lengths.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const numpy = numpyEntropy(file);
    if (numpy) peers.versions.numpy = numpy.version;
    for (const n of lengths) {
      let bits = 0;
      own[n - 1].push(timed(() => (bits = ngramEntropy(text, n, threads))));
      if (!numpy) continue;
      const [, reference] = numpy.lengths.find(([length]) => length === n)!;
      theirs[n - 1].push(reference.seconds);
      if (Math.abs(bits - reference.bits) > 1e-9) throw new PathPressError('INTERNAL', `n ${n}: ${bits} bits, numpy has ${reference.bits}`);
    }
  }
  return lengths.map((n, i) => {
    const name = 'numpy, np.unique of packed grams';
    const peer: PeerTiming = theirs[i].length > 0 ? { name, ...timing(theirs[i]) } : { name, missing: 'Python lacks numpy' };
    const { seconds, rounds: all } = timing(own[i]);
    const targets = peer.seconds ? [target('times as fast as numpy', peer.seconds / seconds, true, 5)] : [];
    return { part: 'analysis', name: `entropy, n = ${n}, ${ids} ids`, of: 'run', seconds, rounds: all, peers: [peer], targets };
  });
}

interface NumpyEntropy {
  version: string;
  lengths: [n: number, found: { bits: number; seconds: number }][];
}

/** What numpy_entropy.py prints; undefined where there is no Python with numpy. */
function numpyEntropy(file: string): NumpyEntropy | undefined {
  const script = join(packageRoot, 'data/fixtures/analysis/numpy_entropy.py');
  const { status, stdout } = spawnSync(python, [script, file], { encoding: 'utf8' });
  return status === 0 ? (JSON.parse(stdout) as NumpyEntropy) : undefined;
}

/** sentence-transformers where Python has it and MiniLM's tokenizer is at hand; else why not. */
async function openSentences({ folder, threads, peers }: Context): Promise<Peer | string> {
  const weights = await findMiniLm();
  const reason = weights ? lacking(['sentence_transformers', 'torch']) : "MiniLM's tokenizer is not at hand";
  if (reason) return reason;
  const peer = new Peer('sentence-transformers', 'sentences_peer.py', [weights!, join(folder, 'sentences'), String(threads)]);
  try {
    peers.versions[peer.name] = (await peer.ask<{ version: string }>({ do: 'version' })).version;
    return peer;
  } catch (error) {
    peer.close();
    return (error as Error).message;
  }
}

async function sentenceCases(context: Context): Promise<BenchCase[]> {
  const { threads, simd } = context;
  const words = (sentence: number): string =>
    Array.from({ length: 6 + randomIndex(14, 2, sentence) }, (_, i) => `${randomIndex(300, 3 + sentence, i)}`).join(' ');
  const embedder = await openEmbedder(await defaultEmbedder(), { cache: false });
  let other: Peer | string = 'not measured';
  try {
    const texts = Array.from({ length: embedded }, (_, i) => words(i));
    await embedder.embed(texts.slice(0, 16)); // what is prepared at first use is not counted
    other = await openSentences(context);
    const [similarity, embedding, theirs]: number[][] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      const made = await embedder.embed(texts);
      embedding.push((performance.now() - start) / 1000);
      if (other instanceof Peer) {
        const answer = await other.ask<{ seconds: number }>({ do: 'embed', sentences: texts }).catch((error: Error) => error.message);
        if (typeof answer === 'object') theirs.push(answer.seconds);
        else {
          other.close();
          other = answer; // its failure takes nothing from ours
        }
      }
      const vectors = new Float32Array(sentences * embedder.dim);
      for (let at = 0; at < vectors.length; at += made.length) vectors.set(made, at);
      similarity.push(timed(() => neighbourCounts(vectors, embedder.dim, thresholds, { threads, simd })));
    }
    const whole = timing(embedding.map((seconds) => seconds * (sentences / embedded)));
    const peer = { name: `embedding them (${embedder.name}, from ${embedded})`, ...whole };
    const similar = timing(similarity);
    const name = 'sentence-transformers, float32, weights of the same shape';
    const [own, st] = [timing(embedding), other instanceof Peer ? { name, ...timing(theirs) } : { name, missing: other }];
    return [
      {
        part: 'analysis',
        name: `similarity of ${sentences} sentences, ${thresholds.length} thresholds`,
        of: 'run',
        ...similar,
        peers: [peer],
        targets: [target('of the time that embedding takes', similar.seconds / whole.seconds, false, 0.05)],
      },
      {
        part: 'analysis',
        name: `embedding of ${embedded} sentences, ${embedder.name}`,
        of: 'run',
        ...own,
        peers: [st],
        targets: 'seconds' in st ? [target('times as fast as sentence-transformers', st.seconds / own.seconds, true, 1.5)] : [],
      },
    ];
  } finally {
    await embedder.dispose();
    if (other instanceof Peer) other.close();
  }
}
