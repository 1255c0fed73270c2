/** What `gpu_bench` and `gpu_tests` print, read into numbers. */
import { z } from 'zod';
import { parseAs, parseJson } from '../json-file.js';
import { PathPressError } from '../engine/errors.js';

const positive = z.number().positive();
const count = z.number().int().nonnegative();

const device = z.object({
  part: z.literal('device'), name: z.string(), driver: z.string(), runtime: z.string(), processors: count,
  clockKilohertz: count, memoryClockKilohertz: count, bytes: z.number().nonnegative(), cacheBytes: count,
});
const ceiling = z.object({ part: z.literal('ceiling'), name: z.string(), unit: z.string(), rate: positive });
const shape = z.object({ part: z.literal('shape'), name: z.string(), weightBytes: positive, modelBytes: positive, entryBytes: positive });
const product = z.object({
  part: z.literal('product'), name: z.string(), rows: count, cols: count, tokens: count, seconds: positive, bytes: positive, operations: positive,
});
const attention = z.object({ part: z.literal('attention'), batch: count, entries: positive, seconds: positive, bytes: positive });
const rest = z.object({ part: z.literal('rest'), name: z.string(), rows: count, seconds: positive });
// hostSeconds: to begin a step, while the GPU is at the one before; absent in records from before it was so.
const step = z.object({
  part: z.literal('step'), batch: count, entries: positive, seconds: positive, hostSeconds: z.number().nonnegative().optional(), bytes: positive,
});
const memory = z.object({ part: z.literal('memory'), modelBytes: positive, cacheBytes: positive, usedBytes: z.number().nonnegative() });
const compression = z.object({
  part: z.literal('compression'), policy: z.string(), interval: count, event: count, batch: count, entries: count,
  candidates: count, staying: count, seconds: positive, hostSeconds: z.number().nonnegative(), bytes: positive,
});
const largest = z.object({
  part: z.literal('largest'), policy: z.string(), interval: count, batch: count, peakEntries: count, entries: positive, seconds: positive,
});
const line = z.discriminatedUnion('part', [device, ceiling, shape, product, attention, rest, step, memory, compression, largest]);

export type Line = z.infer<typeof line>;
export type LineOf<Part extends Line['part']> = Extract<Line, { part: Part }>;
export type StepLine = LineOf<'step'>;
export type CompressionLine = LineOf<'compression'>;
export type LargestLine = LineOf<'largest'>;

/** One line of `gpu_bench`. @throws PathPressError BAD_JSON, BAD_FILE naming the place */
export const parseLine = (text: string, place: string): Line => parseAs(line, parseJson(text, place), place, 'BAD_FILE');

/** Of all lines those of a part. */
export const linesOf = <Part extends Line['part']>(lines: Line[], part: Part): LineOf<Part>[] =>
  lines.filter((one): one is LineOf<Part> => one.part === part);

/** An operation held against the CPU engine: `value` must not be above `bound`. */
export interface Operation {
  name: string;
  measure: string;
  value: number;
  bound: number;
}

/** What `gpu_tests` said of its operations, the worst of each name and measure; other lines are for people. */
export function readOperations(text: string): Operation[] {
  const worst = new Map<string, Operation>();
  for (const [, name, measure, value, bound] of text.matchAll(/^operation (.*): (wrong|nmse|deviations) (\S+) \(bound (\S+)\)$/gm)) {
    const one = { name: name!, measure: measure!, value: Number(value), bound: Number(bound) };
    if (Number.isNaN(one.bound)) throw new PathPressError('BAD_FILE', `operation ${name}: bound "${bound}" is no number`);
    const before = worst.get(`${name} ${measure}`);
    if (!before || !(one.value <= before.value)) worst.set(`${name} ${measure}`, one);
  }
  return [...worst.values()];
}
