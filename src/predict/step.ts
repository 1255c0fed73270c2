/** A decode step of the CUDA engine as its launches: what each reads and reckons (native/cuda/step.cu). */
import { layerNumbers, type Shape } from '../bench/work.js';
import type { NativeConfig } from '../engine/binding.js';
import { PathPressError } from '../engine/errors.js';
import type { GpuCeilings } from './ceilings.js';
import { launchSeconds, type KernelQuality, type Launch } from './kernels.js';

/** A model in bf16, with its cache in bf16. */
export interface GpuModel {
  shape: Shape;
  /** Of all that is resident: the embedding too, which a step reads a row a token of. */
  residentBytes: number;
}

const width = 2; // bytes of a bf16

/** Matrices alone: norms and biases are less than a ten-thousandth. */
export function gpuModel(config: NativeConfig): GpuModel {
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, tiedEmbeddings } = config;
  const weightBytes = width * (layerNumbers(config) + vocab * hidden);
  const shape = { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, weightBytes, cacheWidth: width };
  return { shape, residentBytes: weightBytes + (tiedEmbeddings ? 0 : width * vocab * hidden) };
}

/**
 * One GPU's part where so many share each matrix and the heads, with nothing lost to passing sums between them.
 * @throws PathPressError BAD_OPTION where the heads cannot be shared out
 */
export function idealShard(shape: Shape, gpus: number): Shape {
  const { heads, kvHeads, intermediate, vocab } = shape;
  if (kvHeads % gpus !== 0) throw new PathPressError('BAD_OPTION', `gpus ${gpus}: no divisor of the ${kvHeads} key-value heads`);
  const [ownHeads, ownKvHeads, ownIntermediate, ownVocab] = [heads, kvHeads, intermediate, vocab].map((count) => count / gpus);
  return { ...shape, heads: ownHeads, kvHeads: ownKvHeads, intermediate: ownIntermediate, vocab: ownVocab, weightBytes: shape.weightBytes / gpus };
}

/** Norm, product, heads, attention, its joining, product; norm, product, product. */
export const launchesOfLayer = 9;
/** The rows' start, the last norm, the output's product, the draw. */
const launchesAtEnds = 4;

export const stepLaunches = ({ layers }: Shape): number => layers * launchesOfLayer + launchesAtEnds;

/**
 * Sizes that the kernels fix (native/cuda): rows of a packed tile, entries that a block of attention takes. The latter as
 * it was before a GPU was at hand, so that predictions stay as they were made; measurements then doubled it.
 */
export const kernelSizes = { packedRows: 16, chunkEntries: 512 };

const rowsTogether = 8; // an mma's columns: rows are filled up to a multiple of it

/** A matrix (rows × cols) with `batch` rows of inputs. */
function product(rows: number, cols: number, batch: number, quality: KernelQuality): Launch {
  const readings = Math.ceil(batch / quality.rows);
  return {
    reads: 'weights',
    bytes: readings * rows * cols * width,
    operations: 2 * rows * cols * Math.ceil(batch / rowsTogether) * rowsTogether,
    pieces: readings * Math.ceil(rows / kernelSizes.packedRows),
  };
}

/** Seconds that a step's products take. */
export function productSeconds(shape: Shape, batch: number, gpu: GpuCeilings, quality: KernelQuality): number {
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab } = shape;
  const seconds = (rows: number, cols: number): number => launchSeconds(product(rows, cols, batch, quality), gpu, quality);
  const layer =
    seconds((heads + 2 * kvHeads) * headDim, hidden) + seconds(hidden, heads * headDim) + seconds(2 * intermediate, hidden) + seconds(hidden, intermediate);
  return layers * layer + seconds(vocab, hidden);
}

const groupRows = 16; // an mma's rows: a group's query heads are filled up to it

/** Seconds that all layers' attention takes, each of the sequences over so many entries. */
export function attentionSeconds(shape: Shape, batch: number, entries: number, gpu: GpuCeilings, quality: KernelQuality): number {
  const { layers, kvHeads, headDim, cacheWidth } = shape;
  const heads = batch * kvHeads;
  const launch: Launch = {
    reads: 'cache',
    bytes: 2 * heads * headDim * entries * cacheWidth,
    operations: 4 * groupRows * heads * headDim * entries,
    pieces: heads * Math.ceil(entries / kernelSizes.chunkEntries),
  };
  return layers * launchSeconds(launch, gpu, quality);
}
