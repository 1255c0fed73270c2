import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../engine/checkpoint.js';
import { servingRows } from '../paper/random-attention.js';
import { reported } from '../paper/reported.js';
import { settlePolicy } from '../policies/settle.js';
import { publishedCeilings, publishedGpu } from './ceilings.js';
import { ceilingsToUse, gpuMeasurements, parseGpuRecord, withMeasured } from './measured.js';
import { predictThroughputGrid } from './paper-grid.js';
import { predictServing, predictServingTable } from './serving.js';
import { gpuModel } from './step.js';

const cells = predictThroughputGrid(reported().throughputGrid, Object.values(publishedCeilings));
const cell = (device: string, model: string, method: string, length: number, batch: number) =>
  cells.find((one) => one.device === device && one.model === model && one.method === method && one.length === length && one.batch === batch)!;

describe('the paper’s throughput grid', () => {
  it('is predicted on each kind of GPU, QwQ-32B on four', () => {
    expect(cells).toHaveLength(2 * 72);
    expect(cells.every(({ model, gpus }) => gpus === (model === 'QwQ-32B' ? 4 : 1))).toBe(true);
  });

  it('lies above what the paper measured and below the floor', () => {
    for (const { predicted, floor, reported: paper } of cells) {
      if (predicted === null) continue;
      expect(predicted).toBeLessThan(floor!);
      expect(predicted).toBeGreaterThan(paper ?? 0);
    }
  });

  it('has no number where one copy does not fit: 65.5 GB of weights and 32 · 32,895 · 262,144 bytes exceed four times 80 GB', () => {
    const missing = cells.filter(({ predicted }) => predicted === null);
    expect(missing).toEqual([cell('H100', 'QwQ-32B', 'Full KV', 32768, 32)]);
    // The paper's benchmark, with two copies, ran out of memory in three more.
    expect(cells.filter(({ device, reported: paper }) => device === 'H100' && paper === null)).toHaveLength(4);
  });
});

describe('requests in rounds', () => {
  const toy = { layers: 1, hidden: 64, heads: 1, kvHeads: 1, headDim: 64, intermediate: 64, vocab: 64, weightBytes: 1000, cacheWidth: 2 };
  const load = { requests: 10, prompt: 10, length: 91 };

  it('hold as many sequences as fit at their peak: 100 entries of 256 bytes each', () => {
    const on = (memoryBytes: number) => predictServing({ shape: toy, residentBytes: 1000 }, settlePolicy('full'), load, { ...publishedGpu('H200'), memoryBytes });
    expect(on(1000 + 4 * 25600)).toMatchObject({ batch: 4, rounds: 3 });
    expect(on(1000 + 4 * 25600 - 1)).toMatchObject({ batch: 3, rounds: 4 });
    expect(on(1e9)).toMatchObject({ batch: 10, rounds: 1 });
    expect(() => on(1000 + 25599)).toThrowError(/H200: 26599 bytes hold no sequence of 25600/);
  });

  // Parameters as published: 4.0, 14.8, 32.8 and 14.7 thousand millions.
  it.each([4.0, 14.8, 32.8, 14.7].map((billions, i) => ({ ...servingRows[i]!, billions })))('$model has $billions e9 parameters', ({ model, config, billions }) => {
    expect(gpuModel(readConfig(config, model)).residentBytes / 2e9).toBeCloseTo(billions, 1);
  });

  it('of Random Attention’s table: its cap admits more, and so gains, on every model', () => {
    const table = predictServingTable();
    expect(table.map(({ reported: vllm }) => vllm)).toEqual([1296, 2046, 925, 1819, 346, 923, 780, 1737]);
    for (const { model } of servingRows) {
      const [full, random] = table.filter((row) => row.model === model).map(({ predicted }) => predicted);
      expect(random!.batch).toBe(64);
      expect(full!.batch).toBeLessThan(64);
      expect(random!.tokensPerSecond / full!.tokensPerSecond).toBeGreaterThan(2);
    }
  });
});

describe('a record of a GPU', () => {
  const record = {
    device: 'NVIDIA H100 80GB HBM3', driver: '580', ceilings: { readBytesPerSecond: 3.1e12, matrixRate: 650e12, copyBytesPerSecond: 2.9e12 },
    throughput: [{ model: 'R1-Distill-Qwen-7B', method: 'Full KV', batch: 16, length: 32768, tokensPerSecond: 1300, steps: 64 }],
  };

  it('gives its ceilings in place of the published ones, and its cells', () => {
    const measurement = parseGpuRecord(record, 'h100.json');
    expect(measurement.ceilings).toEqual({ ...publishedGpu('H100'), readBytesPerSecond: 3.1e12, matrixRate: 650e12, source: 'measured' });
    expect(ceilingsToUse([measurement]).map(({ device, source }) => [device, source])).toEqual([['H100', 'measured'], ['H200', 'published']]);
    const marked = withMeasured(cells, [measurement]).filter(({ measured }) => measured !== undefined);
    expect(marked).toEqual([{ ...cell('H100', 'R1-Distill-Qwen-7B', 'Full KV', 32768, 16), measured: 1300 }]);
  });

  it('is refused where it lacks a ceiling or is of another GPU', () => {
    expect(() => parseGpuRecord({ ...record, ceilings: { matrixRate: 1 } }, 'h100.json')).toThrowError(/h100\.json.*ceilings\.readBytesPerSecond/);
    for (const device of ['NVIDIA L4', 'NVIDIA GH200 480GB', 'NVIDIA H100 PCIe', 'NVIDIA H100 NVL', 'NVIDIA H200 NVL'])
      expect(() => parseGpuRecord({ ...record, device }, 'gpu.json')).toThrowError(new RegExp(`gpu\\.json: device "${device}" is not one of NVIDIA H100 80GB HBM3, NVIDIA H200`));
  });

  it('gives its processors and memory where it has them', () => {
    const { ceilings } = parseGpuRecord({ ...record, processors: 114, memoryBytes: 85e9 }, 'h100.json');
    expect(ceilings).toMatchObject({ device: 'H100', processors: 114, memoryBytes: 85e9 });
  });

  it('is read from its folder, where there is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gpu-records-'));
    expect(await gpuMeasurements(join(folder, 'none'))).toEqual([]);
    writeFileSync(join(folder, 'h100.json'), JSON.stringify(record));
    writeFileSync(join(folder, 'notes.txt'), 'none of them');
    expect(await gpuMeasurements(folder)).toEqual([parseGpuRecord(record, 'h100.json')]);
    await expect(gpuMeasurements(join(folder, 'notes.txt'))).rejects.toMatchObject({ code: 'BAD_FILE', message: expect.stringContaining('notes.txt: cannot be read (ENOTDIR)') });
    rmSync(folder, { recursive: true });
  });
});

it('the committed records give both GPUs their measured ceilings', async () => {
  expect(ceilingsToUse(await gpuMeasurements()).map(({ device, source }) => [device, source])).toEqual([['H100', 'measured'], ['H200', 'measured']]);
});
