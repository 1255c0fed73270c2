import { splitSentences } from '../analysis/sentences.js';
import { entropyModes, entropyTable, type EntropyMode } from '../analysis/entropy-table.js';
import { shuffledIndices } from '../analysis/random.js';
import { redundancy } from '../analysis/redundancy.js';
import { openEmbedder, defaultEmbedder } from '../embedding/open.js';
import type { Embedder, EmbedderName } from '../embedding/embedder.js';
import { PathPressError, wholeAtLeast } from '../engine/errors.js';
import { pause } from '../pause.js';
import { loadTrace, type Trace } from './tokenize.js';

/** What is measured, and with what. */
export interface AnalyzeOptions {
  /** Folder of the tokenizer; may be left out where every row has ids and no embedder is asked for. */
  tokenizer?: string;
  n?: readonly number[];
  lengths?: readonly number[];
  mode?: EntropyMode;
  /** `minilm` where its weights are found, else `use`, if left out; `none` leaves redundancy out. */
  embedder?: EmbedderName | 'none';
  embedderPath?: string;
  /** Cosine above which two sentences are similar; 0.75 if left out. */
  threshold?: number;
  /** N of rate(N); 1, 2, 4 if left out. */
  similar?: readonly number[];
  /** Sentences embedded at most, of each file: whole outputs are drawn, one at least. All if left out. */
  sample?: number;
  /** Of `sample`; 0 if left out. */
  seed?: number;
  /** Told how far the slow part, embedding, has come. */
  onProgress?: (file: string, done: number, total: number) => void;
  /** Ends the analysis with its reason; nothing is kept but ids and vectors that are cached already. */
  signal?: AbortSignal;
}

/** Mean n-gram entropy at one length, in bits, with its 95 % interval. */
export interface EntropyReport {
  mean: number;
  low: number;
  high: number;
  outputs: number;
  /** Prompts of those outputs, which the interval is of; of one alone low and high are the mean. */
  prompts: number;
  /** Share of all outputs that the mean is over. */
  share: number;
  /** Mean of bits over their ceiling; null where every ceiling is 0. */
  overCeiling: number | null;
}

/** Redundancy rates of one file's outputs, shares of 0 to 1. */
export interface RedundancyReport {
  embedder: EmbedderName;
  /** Sentences of all outputs. */
  sentences: number;
  /** Sentences embedded; fewer than `sentences` where `sample` cut outputs off. */
  sampled: number;
  threshold: number;
  /** By N; null where no output has a sentence. */
  rate: Record<string, number | null>;
}

/** What is found in one file. */
export interface FileReport {
  file: string;
  outputs: number;
  tokens: number;
  /** Of the tokenised texts' ids, those that stand for a word which the tokenizer's vocabulary lacks. */
  unknown: number;
  /** By n, then by length. */
  entropy: Record<string, Record<string, EntropyReport>>;
  redundancy?: RedundancyReport;
}

/** What `analyze --json` prints. */
export interface AnalyzeReport {
  mode: EntropyMode;
  seed: number;
  files: FileReport[];
}

/**
 * What the `analyze` command prints: n-gram entropy against length, and redundancy, of each trace file.
 * @throws BAD_OPTION for an option out of range; the signal's reason; else as `loadTrace` and `openEmbedder`
 */
export async function analyzeFiles(files: readonly string[], options: AnalyzeOptions = {}): Promise<AnalyzeReport> {
  const { mode = 'matched', seed = 0, threshold = 0.75, similar = [1, 2, 4], sample, signal } = options;
  if (!entropyModes.includes(mode))
    throw new PathPressError('BAD_OPTION', `mode must be matched or paper, not ${mode}`);
  if (!(threshold >= -1 && threshold <= 1))
    throw new PathPressError('BAD_OPTION', `threshold must lie in -1 to 1, not ${threshold}`);
  for (const n of similar) wholeAtLeast(0, 'similar', n);
  if (sample !== undefined) wholeAtLeast(1, 'sample', sample);
  if (!Number.isInteger(seed)) throw new PathPressError('BAD_OPTION', `seed must be a whole number, not ${seed}`);
  // Bad files are found before the slow part begins.
  const traces: Trace[] = [];
  for (const file of files) traces.push(await loadTrace(file, options));
  const reports: FileReport[] = [];
  for (const trace of traces) {
    await pause(signal);
    reports.push(entropyReport(trace, { ...options, mode, seed }));
  }
  const name = options.embedder ?? (await defaultEmbedder());
  if (name === 'none') return { mode, seed, files: reports };
  const embedder = await openEmbedder(name, { path: options.embedderPath });
  try {
    for (const [i, trace] of traces.entries()) {
      reports[i].redundancy = await redundancyReport(trace, embedder, {
        threshold,
        similar,
        sample,
        seed,
        signal,
        onProgress: (done, total) => {
          options.onProgress?.(trace.file, done, total);
          signal?.throwIfAborted();
        },
      });
    }
  } finally {
    await embedder.dispose();
  }
  return { mode, seed, files: reports };
}

function entropyReport({ file, rows, unknown }: Trace, options: AnalyzeOptions): FileReport {
  const entropy: FileReport['entropy'] = {};
  for (const cell of entropyTable(rows, {
    n: options.n,
    lengths: options.lengths,
    mode: options.mode,
  })) {
    const { mean, low, high, outputs, prompts, share } = cell;
    const overCeiling = Number.isNaN(cell.overCeiling) ? null : cell.overCeiling;
    (entropy[cell.n] ??= {})[cell.length] = { mean, low, high, outputs, prompts, share, overCeiling };
  }
  return { file, outputs: rows.length, tokens: rows.reduce((sum, row) => sum + row.ids.length, 0), unknown, entropy };
}

interface Sampling extends Required<Pick<AnalyzeOptions, 'threshold' | 'similar' | 'seed'>> {
  sample?: number;
  signal?: AbortSignal;
  onProgress: (done: number, total: number) => void;
}

async function redundancyReport(trace: Trace, embedder: Embedder, options: Sampling): Promise<RedundancyReport> {
  const { threshold, similar, sample, seed, signal, onProgress } = options;
  const all = trace.rows.map((row) => splitSentences(trace.text(row)));
  const drawn =
    sample === undefined
      ? all
      : drawOutputs(
          all.map(({ length }) => length),
          sample,
          seed,
        ).map((i) => all[i]);
  const flat = drawn.flat();
  const vectors = await embedder.embed(flat, (done) => onProgress(done, flat.length));
  let at = 0;
  const outputs = drawn.map((sentences) => vectors.subarray(at, (at += sentences.length * embedder.dim)));
  const [rates] = await redundancy(outputs, embedder.dim, { thresholds: [threshold], similar, signal });
  const rate = Object.fromEntries(similar.map((n, i) => [n, Number.isNaN(rates[i]) ? null : rates[i]]));
  const sentences = all.reduce((sum, output) => sum + output.length, 0);
  return { embedder: embedder.name, sentences, sampled: flat.length, threshold, rate };
}

/**
 * Indices of whole outputs in an order that the seed decides, until the next would bring more than `sample` sentences;
 * the first is always taken. Drawing sentences would itself lower the rate. Leaving out the output that goes beyond does not:
 * over all orders the mean of what is drawn is that of all outputs (each that could have been the one beyond is so as often as
 * the others, so that those before it are like the first of an order), while to take it along would lean to long outputs.
 * @param sentences how many each output has; those without any are passed over
 */
export function drawOutputs(sentences: readonly number[], sample: number, seed: number): number[] {
  const drawn: number[] = [];
  let sum = 0;
  for (const i of shuffledIndices(sentences.length, seed)) {
    if (sentences[i] === 0) continue;
    if (drawn.length > 0 && sum + sentences[i] > sample) break;
    drawn.push(i);
    sum += sentences[i];
  }
  return drawn;
}
