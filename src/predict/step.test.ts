/** Reckoned by hand but for the table of a compression's cost, which was made apart from this code (ANCHORS §4.3). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeWork, entryBytes, type Shape } from '../bench/work.js';
import type { GpuCeilings } from './ceilings.js';
import { compressionSeconds, votesWork } from './compression.js';
import { packageRoot } from '../package.js';
import { expectedQuality, flawless, launchSeconds, type KernelQuality } from './kernels.js';
import { attentionSeconds, gpuModel, idealShard, kernelSizes, productSeconds, stepLaunches } from './step.js';
import { configs } from './testing.js';

// 4 processors, 100 bytes a second together; 10 operations a second.
const gpu: GpuCeilings = {
  device: 'toy', readBytesPerSecond: 100, matrixRate: 10, launchGapSeconds: 0, processors: 4, memoryBytes: 1e6, source: 'published',
};
const quality: KernelQuality = { weights: 0.5, cache: 1, matrix: 0.5, processorBytesPerSecond: 30, stepGapSeconds: 0, rows: 64 };
const launch = { reads: 'cache' as const, bytes: 400, operations: 0, pieces: 4 };

describe('a kernel', () => {
  it('reads at the share of the bandwidth that its kind has', () => {
    expect(launchSeconds(launch, gpu, quality)).toBe(4);
    expect(launchSeconds({ ...launch, reads: 'weights' }, gpu, quality)).toBe(8);
  });

  it('takes as long as it reckons, where that is longer', () => {
    expect(launchSeconds({ ...launch, operations: 15 }, gpu, quality)).toBe(4);
    expect(launchSeconds({ ...launch, operations: 30 }, gpu, quality)).toBe(6);
  });

  it('loses by a last round that is not full: 5 pieces of 80 bytes are 3.2 s and one processor’s 80 / 30', () => {
    expect(launchSeconds({ ...launch, pieces: 5 }, gpu, quality)).toBeCloseTo(3.2 + 80 / 30, 12);
    expect(launchSeconds({ ...launch, pieces: 7 }, gpu, quality)).toBeCloseTo((4 / 7) * 4 + (3 / 7) * 400 / 90, 12);
    expect(launchSeconds({ ...launch, pieces: 1 }, gpu, quality)).toBeCloseTo(400 / 30, 12);
    expect(launchSeconds({ ...launch, pieces: 1 }, gpu, flawless)).toBe(4);
  });
});

describe('a step', () => {
  const names = Object.keys(configs);
  it.each(names)('of %s moves the bytes that the bench counts', (name) => {
    const { shape } = gpuModel(configs[name]!);
    const bytes = productSeconds(shape, 3, { ...gpu, matrixRate: Infinity }, flawless) + attentionSeconds(shape, 3, 1000, { ...gpu, matrixRate: Infinity }, flawless);
    expect((100 * bytes) / decodeWork(shape, 3, 1000).bytes).toBeCloseTo(1, 12);
  });

  it('has nine launches a layer and four more (R1-Distill-Qwen-7B: 28 layers)', () => {
    expect(stepLaunches(gpuModel(configs['R1-Distill-Qwen-7B']!).shape)).toBe(256);
  });

  it('is cut as the kernels cut it', () => {
    const constant = (header: string, name: string) =>
      Number(new RegExp(`constexpr int [^;]*\\b${name} = (\\d+)`).exec(readFileSync(join(packageRoot, 'native', 'cuda', header), 'utf8'))?.[1]);
    expect(constant('pack.h', 'packedRows')).toBe(kernelSizes.packedRows);
    // Chunks are twice as long since the GPUs were measured; the prediction stays as it was made before.
    expect(constant('attention.h', 'chunkPages') * constant('shape.h', 'cachePageEntries')).toBe(2 * kernelSizes.chunkEntries);
    expect(constant('product.h', 'groupTokens')).toBe(expectedQuality.rows);
  });

  it('reads the weights again for rows beyond 64', () => {
    const { shape } = gpuModel(configs['R1-Distill-Qwen-7B']!);
    const seconds = (batch: number) => productSeconds(shape, batch, { ...gpu, matrixRate: Infinity }, { ...flawless, rows: 64 });
    expect(seconds(64)).toBe(seconds(1));
    expect(seconds(65)).toBeCloseTo(2 * seconds(1), 3);
  });

  it('is shared out over GPUs by heads, width and vocabulary', () => {
    const { shape } = gpuModel(configs['QwQ-32B']!);
    const one = idealShard(shape, 4);
    expect(one).toEqual({ ...shape, heads: 10, kvHeads: 2, intermediate: 6912, vocab: 38016, weightBytes: shape.weightBytes / 4 });
    const seconds = (s: Shape) => productSeconds(s, 1, { ...gpu, matrixRate: Infinity }, flawless);
    expect(seconds(one)).toBeCloseTo(seconds(shape) / 4, 3);
    expect(4 * entryBytes(one)).toBe(entryBytes(shape));
  });

  it('counts matrices as the published numbers of parameters do, to a thousandth', () => {
    // 7,615,616,512 (Qwen2.5-7B), 8,030,261,248 (Llama-3.1-8B), 32,763,876,352 (QwQ-32B); bf16.
    for (const [name, parameters] of [['R1-Distill-Qwen-7B', 7615616512], ['R1-Distill-Llama-8B', 8030261248], ['QwQ-32B', 32763876352]] as const) {
      expect(gpuModel(configs[name]!).residentBytes / (2 * parameters)).toBeCloseTo(1, 3);
    }
  });
});

describe('a compression near 32,768 tokens, P = 4096, R = 32, c = 4', () => {
  // Eighth trigger: candidates 7 · 1024 + 4096, kept 8 · 1024. Microseconds at 4.3 TB/s and 435 TFLOP/s.
  const work = { candidates: 11264, window: 32, moved: 8192 };
  it.each([
    ['R1-Distill-Qwen-7B', 75, 333, 218],
    ['R1-Distill-Llama-8B', 172, 435, 499],
    ['Qwen3-8B', 193, 489, 562],
    ['GLM-Z1-9B', 54, 544, 156],
    ['QwQ-32B', 343, 1087, 999],
  ])('%s reads keys for %i µs, votes for %i µs, moves for %i µs', (name, read, votes, move) => {
    const { shape } = gpuModel(configs[name]!);
    const { keyBytes, operations } = votesWork(shape, work);
    const near = (value: number, expected: number, within = 1) => expect(Math.abs(value - expected)).toBeLessThan(within);
    near((1e6 * keyBytes) / 4.3e12, read);
    near((1e6 * 2 * operations) / 435e12, votes);
    near((1e6 * 2 * work.moved * entryBytes(shape)) / 4.3e12, move);
    // The two readings hide behind the two votes; five launches.
    const ceilings = { ...gpu, readBytesPerSecond: 4.3e12, matrixRate: 435e12, launchGapSeconds: 1e-6 };
    near((1e6 * compressionSeconds(shape, work, 3, ceilings, flawless)) / 3, votes + move + 5 / 3, 2);
  });
});
