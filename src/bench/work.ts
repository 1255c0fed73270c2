/** What a pass has to move and to compute at least, and the time that the machine's ceilings allow for it. */
import type { NativeConfig } from '../engine/binding.js';

/** What counts of a model. */
export interface Shape {
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  intermediate: number;
  vocab: number;
  /** Bytes that one pass reads of the weights: all but an embedding that is not also the output. */
  weightBytes: number;
  /** Bytes of one number of the cache. */
  cacheWidth: number;
}

export interface Work {
  bytes: number;
  /** A multiply-add is two. */
  operations: number;
}

/** Bytes and operations a second. */
export interface Rates {
  bandwidth: number;
  operations: number;
}

export interface Floor extends Work, Rates {
  seconds: number;
  bound: 'bytes' | 'operations';
}

/** @param weightsBytes of the whole checkpoint, each number `width` bytes */
export function shapeOf(config: NativeConfig, weightsBytes: number, width: number, cacheWidth: number): Shape {
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, tiedEmbeddings } = config;
  const weightBytes = weightsBytes - (tiedEmbeddings ? 0 : vocab * hidden * width);
  return { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, weightBytes, cacheWidth };
}

/** Numbers of the matrices of all layers, which every token is multiplied with. */
export const layerNumbers = ({ layers, hidden, heads, kvHeads, headDim, intermediate }: Omit<Shape, 'weightBytes' | 'cacheWidth'>): number =>
  layers * hidden * (2 * heads * headDim + 2 * kvHeads * headDim + 3 * intermediate);

/** Bytes of one token's keys and values in all layers. */
export const entryBytes = ({ layers, kvHeads, headDim, cacheWidth }: Shape): number =>
  2 * layers * kvHeads * headDim * cacheWidth;

/** Of one query token that sees so many entries: dot products with keys, and sums of values. */
const attentionOperations = ({ layers, heads, headDim }: Shape, entries: number): number =>
  4 * layers * heads * headDim * entries;

/** One token of each of `batch` sequences, each seeing `entries` entries, its own among them. Weights are read once. */
export function decodeWork(shape: Shape, batch: number, entries: number): Work {
  const numbers = layerNumbers(shape) + shape.vocab * shape.hidden;
  return {
    bytes: shape.weightBytes + batch * entries * entryBytes(shape),
    operations: batch * (2 * numbers + attentionOperations(shape, entries)),
  };
}

/** A prompt of `tokens`, of which only the last needs logits; the cache is written once. */
export function prefillWork(shape: Shape, tokens: number): Work {
  return {
    bytes: shape.weightBytes + tokens * entryBytes(shape),
    operations:
      2 * (tokens * layerNumbers(shape) + shape.vocab * shape.hidden) + (tokens + 1) / 2 * attentionOperations(shape, tokens),
  };
}

/** One layer's attention of a decode step. */
export function attentionWork(sequences: number, kvHeads: number, group: number, dim: number, entries: number, width: number): Work {
  const numbers = 2 * sequences * kvHeads * dim * entries;
  return { bytes: numbers * width, operations: 2 * group * numbers };
}

/** The larger of reading's and reckoning's time. */
export function floorOf(work: Work, rates: Rates): Floor {
  const read = work.bytes / rates.bandwidth;
  const reckon = work.operations / rates.operations;
  const seconds = Math.max(read, reckon);
  return { ...work, ...rates, seconds, bound: read >= reckon ? 'bytes' : 'operations' };
}
