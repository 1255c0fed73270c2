/** What records of `npm run gpu-check` measured, where there are any: ceilings in place of published ones, and cells. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PathPressError } from '../engine/errors.js';
import { parseAs, readJson } from '../json-file.js';
import { packageRoot } from '../package.js';
import { publishedCeilings, publishedGpu, type GpuCeilings } from './ceilings.js';
import type { GridPrediction } from './paper-grid.js';

const positive = z.number().positive();

/** By the driver's names: the variants that the published rows are of, no other of their line (PCIe, NVL, GH200), which reads slower or has other memory. */
const variants: Record<string, string> = { 'NVIDIA H100 80GB HBM3': 'H100', 'NVIDIA H200': 'H200' };

/** The name under which a GPU's ceilings are published, by its driver's name; undefined where none are. */
export const publishedName = (device: string): string | undefined => (Object.hasOwn(variants, device) ? variants[device] : undefined);

/** Of a record only this; the rest is for other readers. */
const schema = z.object({
  /** As the driver names it: "NVIDIA H100 80GB HBM3". */
  device: z.string(),
  processors: positive.optional(),
  memoryBytes: positive.optional(),
  ceilings: z.object({ readBytesPerSecond: positive, matrixRate: positive, launchGapSeconds: positive.optional() }),
  /** Cells of the paper's grid; methods under the paper's names ("Full KV", "RPC P=1024"). */
  throughput: z
    .array(z.object({ model: z.string(), method: z.string(), batch: positive, length: positive, tokensPerSecond: positive }))
    .default([]),
});

/** A GPU's own ceilings, and tokens a second that this engine reached on it. */
export interface GpuMeasurement {
  ceilings: GpuCeilings;
  throughput: { model: string; method: string; batch: number; length: number; tokensPerSecond: number }[];
}

/** @throws PathPressError BAD_FILE naming the place, the field and its value, or a device that has no published numbers */
export function parseGpuRecord(record: unknown, place: string): GpuMeasurement {
  const { device, ceilings, throughput, ...own } = parseAs(schema, record, place, 'BAD_FILE');
  const name = publishedName(device);
  if (name === undefined) throw new PathPressError('BAD_FILE', `${place}: device "${device}" is not one of ${Object.keys(variants).join(', ')}`);
  const published = publishedGpu(name);
  const { processors = published.processors, memoryBytes = published.memoryBytes } = own;
  const { readBytesPerSecond, matrixRate, launchGapSeconds = published.launchGapSeconds } = ceilings;
  return { ceilings: { device: name, readBytesPerSecond, matrixRate, launchGapSeconds, processors, memoryBytes, source: 'measured' }, throughput };
}

/** Those of data/records/gpu, in order of their names; none where there is no such folder. @throws as `parseGpuRecord`; BAD_FILE for a folder that cannot be read */
export async function gpuMeasurements(folder = join(packageRoot, 'data', 'records', 'gpu')): Promise<GpuMeasurement[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === 'ENOENT') return [];
    throw new PathPressError('BAD_FILE', `${folder}: cannot be read (${cause.code})`, { cause });
  });
  const paths = names.filter((name) => name.endsWith('.json')).sort().map((name) => join(folder, name));
  return Promise.all(paths.map(async (path) => parseGpuRecord(await readJson(path), path)));
}

/** The ceilings to predict with: each published GPU's, or measured ones where there are some (of several the last). */
export const ceilingsToUse = (measurements: GpuMeasurement[]): GpuCeilings[] =>
  Object.values(publishedCeilings).map((one) => measurements.findLast(({ ceilings }) => ceilings.device === one.device)?.ceilings ?? one);

/** The cells with what was measured of them. */
export function withMeasured(cells: GridPrediction[], measurements: GpuMeasurement[]): GridPrediction[] {
  const keyOf = (device: string, cell: { model: string; method: string; batch: number; length: number }) =>
    JSON.stringify([device, cell.model, cell.method, cell.batch, cell.length]);
  const found = new Map(measurements.flatMap(({ ceilings, throughput }) => throughput.map((cell) => [keyOf(ceilings.device, cell), cell.tokensPerSecond])));
  return cells.map((cell) => {
    const measured = found.get(keyOf(cell.device, cell));
    return measured === undefined ? cell : { ...cell, measured };
  });
}
