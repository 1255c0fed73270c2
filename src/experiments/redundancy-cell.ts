/** Redundancy of a set of texts, as the numbers that a committed record keeps of it. */
import { neighbourCounts, redundancyRate, repeatedClusters } from '../analysis/redundancy.js';
import { splitSentences } from '../analysis/sentences.js';
import { pairedMeans, type PairedTest } from '../analysis/paired-means.js';
import { clusterMean, shareInterval, type Interval } from '../analysis/statistics.js';
import { PathPressError } from '../engine/errors.js';
import { drawOutputs } from '../traces/analyze.js';
import type { Embedder } from '../embedding/embedder.js';

/** Redundancy rates, shares of 0 to 1, of a set of texts under one embedder. */
export interface RedundancyCell {
  embedder: string;
  outputs: number;
  sentences: number;
  sentencesPerOutput: number;
  /** rate(N) at cosine 0.75, for N = 1, 2, 4; mean over outputs, interval by prompt (`clusterMean`, within 0 and 1; `shareInterval` where all are alike). */
  rate: Record<string, Interval>;
  /** rate(1) of each output in order. */
  each: number[];
  /** rate(1) at each threshold, as `rate` has it. */
  byThreshold: (Interval & { threshold: number })[];
}

const similar = [1, 2, 4];
const paperThreshold = 0.75;
const thresholds = [0.6, 0.65, 0.7, paperThreshold, 0.8, 0.85, 0.9, 0.95];

function rateInterval(clusters: number[][]): Interval {
  const { mean: rate, low, high } = clusterMean(clusters);
  if (low === high) return shareInterval(clusters); // all alike, as where no output repeats itself: that is not certainty
  return { mean: rate, low: Math.max(0, low), high: Math.min(1, high) };
}

/**
 * Embeds the sentences of all texts and counts the similar ones: the RPC paper's redundancy rate (arXiv 2505.13866).
 * @param texts outputs with the prompt that clusters them; those without a sentence are left out
 * @throws BAD_OPTION where no text has a sentence; else as the embedder
 */
export async function redundancyCell(texts: readonly { prompt: string; text: string }[], embedder: Embedder): Promise<RedundancyCell> {
  const outputs = texts.map(({ prompt, text }) => ({ prompt, sentences: splitSentences(text) })).filter(({ sentences }) => sentences.length > 0);
  const vectors = await embedder.embed(outputs.flatMap(({ sentences }) => sentences));
  let from = 0;
  const counts = outputs.map(({ sentences }) => {
    const own = vectors.subarray(from * embedder.dim, (from + sentences.length) * embedder.dim);
    from += sentences.length;
    return neighbourCounts(own, embedder.dim, thresholds);
  });
  const at = thresholds.indexOf(paperThreshold);
  const byPrompt = (value: (output: number) => number): Interval => {
    const clusters = new Map<string, number[]>();
    outputs.forEach(({ prompt }, i) => clusters.set(prompt, [...(clusters.get(prompt) ?? []), value(i)]));
    return rateInterval([...clusters.values()]);
  };
  return {
    embedder: embedder.name,
    outputs: outputs.length,
    sentences: from,
    sentencesPerOutput: from / outputs.length,
    rate: Object.fromEntries(similar.map((n) => [n, byPrompt((i) => redundancyRate(counts[i][at], n))])),
    each: counts.map((one) => redundancyRate(one[at], similar[0])),
    byThreshold: thresholds.map((threshold, t) => ({ threshold, ...byPrompt((i) => redundancyRate(counts[i][t], similar[0])) })),
  };
}

/** Whole outputs drawn by seed until the next would bring more than `sentences` sentences: drawing sentences would itself lower the rate. */
export function sampleOutputs<T extends { text: string }>(outputs: readonly T[], sentences: number, seed: number): T[] {
  const counts = outputs.map(({ text }) => splitSentences(text).length);
  return drawOutputs(counts, sentences, seed).map((i) => outputs[i]);
}

/** Redundancy of two sides at equal prompts and equal numbers of sentences. */
export interface MatchedRedundancy {
  /** Prompts that both answered with enough sentences, one output each. */
  pairs: number;
  /** Sentences of one side, all pairs together. */
  sentences: number;
  /** rate(N), shares: of the first and of the second side, `clusterMean`; and the difference within a pair, as `pairedMeans`. */
  rate: Record<string, { first: Interval; second: Interval; difference: PairedTest }>;
}

const fewestSentences = 5;

/**
 * Redundancy at equal prompts and equal numbers of sentences: of each prompt the first output of either side, the longer
 * one cut to the other's number of sentences from its middle. Fewer sentences lower the rate by themselves.
 * @param first outputs of one model, with the prompt that each answers; `second` those of the other
 * @throws BAD_OPTION where fewer than two prompts have both; else as the embedder
 */
export async function matchedRedundancy(
  first: readonly { prompt: string; text: string }[],
  second: readonly { prompt: string; text: string }[],
  embedder: Embedder,
): Promise<MatchedRedundancy> {
  const byPrompt = (outputs: typeof first) => {
    const split = outputs.map(({ prompt, text }) => [prompt, splitSentences(text)] as const);
    return new Map(split.filter(([, sentences]) => sentences.length >= fewestSentences).reverse()); // the first output of a prompt wins
  };
  const [ours, theirs] = [byPrompt(first), byPrompt(second)];
  const pairs = [...ours.keys()].filter((prompt) => theirs.has(prompt)).map((prompt) => [ours.get(prompt)!, theirs.get(prompt)!]);
  if (pairs.length < 2)
    throw new PathPressError('BAD_OPTION', `${pairs.length} prompts were answered by both with ${fewestSentences} sentences or more: a difference needs two`);
  const cut = pairs.map((pair) => {
    const count = Math.min(...pair.map((sentences) => sentences.length));
    return pair.map((sentences) => sentences.slice(Math.floor((sentences.length - count) / 2)).slice(0, count));
  });
  const counted: Int32Array[][] = [];
  for (const pair of cut) {
    const counts = [];
    for (const sentences of pair) counts.push(neighbourCounts(await embedder.embed(sentences), embedder.dim, [paperThreshold])[0]);
    counted.push(counts);
  }
  const interval = (values: number[]) => rateInterval(values.map((value) => [value]));
  const rates = (side: number, n: number) => counted.map((pair) => redundancyRate(pair[side], n));
  return {
    pairs: pairs.length,
    sentences: cut.reduce((sum, [sentences]) => sum + sentences.length, 0),
    rate: Object.fromEntries(similar.map((n) => {
      const [a, b] = [rates(0, n), rates(1, n)];
      return [n, { first: interval(a), second: interval(b), difference: pairedMeans(a.map((rate) => [rate]), b.map((rate) => [rate]))! }];
    })),
  };
}

/**
 * The most repeated sentences of one text, cosine above 0.75: each with how many similar ones it stands for, itself
 * included; at most `most`.
 * @throws as the embedder
 */
export async function mostRepeated(text: string, embedder: Embedder, most = 3): Promise<{ sentence: string; times: number }[]> {
  const sentences = splitSentences(text);
  const clusters = repeatedClusters(await embedder.embed(sentences), embedder.dim, paperThreshold, most);
  return clusters.map((members) => ({ sentence: sentences[members[0]], times: members.length }));
}

/**
 * Cuts each text to the token count of its partner in `lengths`, so that two arms can be compared at equal length.
 * @param lengths tokens of output i at index i; a shorter output stays whole
 */
export function cutToLengths<T extends { ids: number[] }>(outputs: readonly T[], lengths: readonly number[], decode: (ids: number[]) => string): (T & { text: string })[] {
  return outputs.map((output, i) => {
    const ids = output.ids.slice(0, lengths[i]);
    return { ...output, ids, text: decode(ids) };
  });
}
