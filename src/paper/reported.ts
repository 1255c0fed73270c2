/** The numbers that the RPC paper reports, as records: to draw beside ours, never to stand in for them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parseAs, parseJson } from '../json-file.js';

export interface PaperAccuracy {
  model: string;
  method: string;
  benchmark: string;
  /** Percent. */
  passAt1: number;
}

export interface PaperRatio8 {
  model: string;
  interval: number;
  benchmark: string;
  /** Percent. */
  passAt1: number;
}

export interface PaperAblation {
  knob: 'interval' | 'window' | 'selectors' | 'aggregation';
  value: number | string;
  interval: number;
  model: string;
  benchmark: string;
  /** Percent. */
  passAt1: number;
  tokensPerSecond?: number;
  peakGigabytes?: number;
}

export interface PaperRedundancy {
  benchmark: string;
  model: string;
  kind: 'reasoning' | 'non-reasoning';
  policy: 'full' | 'rpc';
  /** The N of "more than N similar others". */
  moreThan: number;
  percent: number;
}

export interface PaperEntropy {
  model: string;
  kind: 'reasoning' | 'non-reasoning';
  n: number;
  length: number;
  bits: number;
}

/** A cell of the throughput or memory grid; null where the paper reports out of memory. */
export interface PaperCell {
  model: string;
  method: string;
  length: number;
  batch: number;
}

export interface PaperLengths {
  model: string;
  benchmark: string;
  mean: number;
  min: number;
  max: number;
  std: number;
}

/** Tables and defaults of the RPC paper (arXiv 2505.13866), each row with what the paper says of it. */
export interface Reported {
  source: string;
  notes: {
    outOfMemory: string;
    redundancy: string;
    throughputFixed: string;
    throughputGrid: string;
    entropy: string;
    memoryModel: string;
    inconsistencies: string[];
  };
  defaults: {
    intervals: number[];
    window: number;
    ratio: number;
    aggregation: string;
    selectors: string;
    pooling: string;
    kernel: number;
    temperature: number;
    topP: number;
    topK: Record<string, number>;
    maxTokens: number;
    samples: Record<string, number>;
  };
  accuracy: PaperAccuracy[];
  accuracyRatio8: PaperRatio8[];
  ablations: PaperAblation[];
  redundancy: PaperRedundancy[];
  entropy: PaperEntropy[];
  throughputGrid: (PaperCell & { tokensPerSecond: number | null })[];
  memoryGrid: (PaperCell & { gigabytes: number | null })[];
  throughputAime: { model: string; method: string; batch: number; tokensPerSecond: number | null }[];
  outputLengths: PaperLengths[];
  promptLength: { model: string; benchmark: string; mean: number; std: number };
}

const text = z.string().min(1);
const percent = z.number().min(0).max(100);
const count = z.number().int().positive();
const positive = z.number().positive();
const kind = z.enum(['reasoning', 'non-reasoning']);
const cell = { model: text, method: text, length: count, batch: count };

const schema = z.strictObject({
  source: text,
  notes: z.strictObject({
    outOfMemory: text, redundancy: text, throughputFixed: text, throughputGrid: text, entropy: text,
    memoryModel: text, inconsistencies: z.array(text),
  }),
  defaults: z.strictObject({
    intervals: z.array(count), window: count, ratio: count, aggregation: text, selectors: text, pooling: text,
    kernel: count, temperature: positive, topP: positive, topK: z.record(text, count), maxTokens: count,
    samples: z.record(text, count),
  }),
  accuracy: z.array(z.strictObject({ model: text, method: text, benchmark: text, passAt1: percent })),
  accuracyRatio8: z.array(z.strictObject({ model: text, interval: count, benchmark: text, passAt1: percent })),
  ablations: z.array(
    z.strictObject({
      knob: z.enum(['interval', 'window', 'selectors', 'aggregation']),
      value: z.union([count, text]), interval: count, model: text, benchmark: text, passAt1: percent,
      tokensPerSecond: positive.optional(), peakGigabytes: positive.optional(),
    }),
  ),
  redundancy: z.array(z.strictObject({ benchmark: text, model: text, kind, policy: z.enum(['full', 'rpc']), moreThan: count, percent })),
  entropy: z.array(z.strictObject({ model: text, kind, n: count, length: count, bits: positive })),
  throughputGrid: z.array(z.strictObject({ ...cell, tokensPerSecond: positive.nullable() })),
  memoryGrid: z.array(z.strictObject({ ...cell, gigabytes: positive.nullable() })),
  throughputAime: z.array(z.strictObject({ model: text, method: text, batch: count, tokensPerSecond: positive.nullable() })),
  outputLengths: z.array(z.strictObject({ model: text, benchmark: text, mean: positive, min: count, max: count, std: positive })),
  promptLength: z.strictObject({ model: text, benchmark: text, mean: positive, std: positive }),
});

/** Checks the text of a `reported.json`. @throws PathPressError `BAD_JSON` or `BAD_FILE` naming file and field. */
export function parseReported(json: string, file = 'reported.json'): Reported {
  return parseAs(schema, parseJson(json, file), file, 'BAD_FILE');
}

let cached: Reported | undefined;

/** The paper's numbers, from data/paper/reported.json of this package. @throws PathPressError as `parseReported` */
export function reported(): Reported {
  const file = fileURLToPath(new URL('../../data/paper/reported.json', import.meta.url));
  cached ??= parseReported(readFileSync(file, 'utf8'), file);
  return cached;
}
