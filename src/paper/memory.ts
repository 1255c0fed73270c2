/**
 * The peak GPU memory that the paper's benchmark should report, from first principles, to hold against its table.
 *
 * Source: the authors' code keeps a second copy of the cache while it grows (the factor 2) and a transient of scores
 * during a compression; only the term in 10·R was fitted to their table (see `notes.memoryModel` of reported.json).
 */
import { PathPressError } from '../engine/errors.js';

/** What the formula needs of a model and of the machine it ran on. */
export interface BenchmarkModel {
  name: string;
  /** Decimal gigabytes of weights and of what the runtime holds besides. */
  weightsGigabytes: number;
  /** Of keys and values, all layers. */
  cacheBytesPerToken: number;
  queryHeads: number;
  gpus: number;
  layersPerGpu: number;
}

export const benchmarkModels: BenchmarkModel[] = [
  { name: 'R1-Distill-Qwen-7B', weightsGigabytes: 15.23, cacheBytesPerToken: 57344, queryHeads: 28, gpus: 1, layersPerGpu: 28 },
  { name: 'QwQ-32B', weightsGigabytes: 65.53, cacheBytesPerToken: 262144, queryHeads: 40, gpus: 4, layersPerGpu: 16 },
];

/** A run of the benchmark; lengths in tokens. */
export interface BenchmarkRun {
  batch: number;
  prompt: number;
  /** Output tokens, the same for each row of the batch. */
  length: number;
  /** Left out for the full cache. */
  rpc?: { interval: number; window: number; ratio: number };
}

/** Entries just before and just after each compression; a run of exactly N·P + R tokens ends before its N-th. */
export function triggers({ prompt, length, rpc }: BenchmarkRun): { generated: number; before: number; after: number }[] {
  if (!rpc) return [];
  const { interval, window, ratio } = rpc;
  const found: { generated: number; before: number; after: number }[] = [];
  for (let cycle = 1; cycle * interval + window < length; cycle++) {
    const kept = (cycles: number): number => prompt + Math.floor((cycles * interval) / ratio) + window;
    const before = cycle === 1 ? prompt + interval + window : kept(cycle - 1) + interval;
    found.push({ generated: cycle * interval + window, before, after: kept(cycle) });
  }
  return found;
}

/**
 * The peak GPU memory that the paper's benchmark should report, from first principles (the authors' code keeps a second
 * copy of the cache while it grows; only the term in 10·R was fitted to their table).
 * @returns decimal gigabytes over all GPUs
 * @throws PathPressError `BAD_OPTION` for counts below one.
 */
export function benchmarkPeakGigabytes(model: BenchmarkModel, run: BenchmarkRun): number {
  for (const [name, value] of Object.entries({ batch: run.batch, length: run.length, ...run.rpc })) {
    if (!(value >= 1)) throw new PathPressError('BAD_OPTION', `${name} must be at least 1, got ${value}`);
  }
  const { weightsGigabytes, cacheBytesPerToken, queryHeads, gpus, layersPerGpu } = model;
  const cycles = triggers(run);
  const last = cycles[cycles.length - 1] ?? { generated: 0, after: run.prompt };
  const end = last.after + run.length - last.generated;
  const longest = Math.max(end, ...cycles.map((cycle) => cycle.before));
  const scoreBytes = 512 + 10 * (run.rpc?.window ?? 0); // per entry and query head
  const transients = cycles.map(
    ({ before, after }) =>
      before +
      (after * (layersPerGpu - 1)) / layersPerGpu +
      before / layersPerGpu +
      (gpus * before * queryHeads * scoreBytes) / cacheBytesPerToken,
  );
  const tokens = Math.max(2 * longest, ...transients);
  return weightsGigabytes + (run.batch * cacheBytesPerToken * tokens) / 1e9;
}
