/** What a sweep and its worker processes tell each other. */
import type { ErrorCode } from '../engine/errors.js';
import type { SampleId } from '../evaluate/evaluate.js';
import type { EvalRecord, EvalSettings } from '../evaluate/record.js';

/** Some samples of one cell; `id` is named by what is told of them. */
export interface Order {
  id: number;
  folder: string;
  settings: EvalSettings;
  samples: SampleId[];
  threads: number;
  batch: number;
  /** Bytes that the worker's caches may hold together; undefined: the engine's own limit. */
  cacheLimit?: number;
}

/** To a worker: samples to run, or to keep what is done and end. */
export type ToWorker = { order: Order } | { stop: true };

/** From a worker: a sample that ended, the order done or left as it was told to, or why it cannot go on. */
export type FromWorker = { record: EvalRecord; id: number } | { done: number } | { left: true } | { failed: { code: ErrorCode; message: string } };
