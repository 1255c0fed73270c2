/** manifest.json of a sweep's folder: what is run there, and hashes of everything that decides it. */
import { z } from 'zod';
import { PathPressError } from '../engine/errors.js';
import { devices, type Device } from '../engine/types.js';
import type { EvalSettings } from '../evaluate/record.js';
import { parseAs, readJson } from '../json-file.js';
import { mostSamples, mostShards, type Shard } from './shard.js';

/** One arm on one task with one model and one seed. */
export interface SweepCell {
  /** Hash of the settings that name the cell: its records are cells/<id>.jsonl. */
  id: string;
  arm: string;
  problems: number;
  samplesPerProblem: number;
  /** What every record of the cell carries. */
  settings: EvalSettings;
}

/** A sweep as a folder of it is held against: equal in all shards but for `shard`. */
export interface Manifest {
  format: 1;
  /** The sweep file: its name within, and SHA-256 of its bytes; what it was before it grew, and the samples recorded by then. */
  sweep: { name: string; file: string; earlier?: { file: string; samples: number }[] };
  /** `addon`: SHA-256 of the compiled engine. */
  engine: { version: string; addon: string; simd: string; device: Device };
  /** `files`: SHA-256 over configuration and tokenizer. */
  models: { name: string; weightsHash: string; files: string }[];
  /** `hash`: SHA-256 over the first problems, prompts and answers. */
  tasks: { name: string; version: number; split: string; problems: number; samplesPerProblem: number; hash: string }[];
  shard: Shard | null;
  cells: SweepCell[];
}

export const manifestName = 'manifest.json';

const text = z.string();
const count = z.int().min(0);
const schema = z.strictObject({
  format: z.literal(1, { error: 'must be 1: it was written by another version' }),
  sweep: z.strictObject({ name: text, file: text, earlier: z.array(z.strictObject({ file: text, samples: count })).optional() }),
  engine: z.strictObject({ version: text, addon: text, simd: text, device: z.enum(devices) }),
  models: z.array(z.strictObject({ name: text, weightsHash: text, files: text })),
  tasks: z.array(
    z.strictObject({ name: text, version: count, split: text, problems: count, samplesPerProblem: count, hash: text }),
  ),
  shard: z.strictObject({ index: count, of: count.max(mostShards, `must be at most ${mostShards}`) }).nullable(),
  cells: z.array(
    z.strictObject({
      id: text.regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits'),
      arm: text,
      problems: count,
      samplesPerProblem: count,
      settings: z.looseObject({
        split: text,
        model: text,
        weightsHash: text,
        task: z.strictObject({ name: text, version: count }),
        policy: z.looseObject({ name: text }),
        seed: count,
        maxTokens: count,
      }),
    }),
  ),
});

/** @throws PathPressError BAD_FILE, BAD_UTF8, BAD_JSON or BAD_SWEEP, naming the file */
export async function readManifest(path: string): Promise<Manifest> {
  const value = await readJson(path);
  parseAs(schema, value, path, 'BAD_SWEEP');
  // One without samples is looked at as well.
  const samples = (value as Manifest).cells.reduce((sum, cell) => sum + cell.problems * Math.max(1, cell.samplesPerProblem), 0);
  if (samples > mostSamples) throw new PathPressError('BAD_SWEEP', `${path}: its cells have ${samples} samples; at most ${mostSamples}`);
  return value as Manifest; // not what the schema makes of it: its keys keep their order
}

/** One line a cell: its changes can be read. */
export function serialiseManifest({ cells, ...rest }: Manifest): string {
  const lines = Object.entries(rest).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `{\n${lines.join(',\n')},\n"cells": [\n${cells.map((cell) => JSON.stringify(cell)).join(',\n')}\n]\n}\n`;
}

/** The first place in which two manifests differ, with both values; shards are not looked at, nor from what a sweep has grown. */
export function difference(a: Manifest, b: Manifest): string | undefined {
  return firstDifference(compared(a), compared(b), '');
}

/** A manifest as it is read from its file, what says most first, and without what follows from the rest. */
export function compared(manifest: Manifest): Pick<Manifest, 'format' | 'engine' | 'models' | 'tasks' | 'sweep'> & { cells: Omit<SweepCell, 'id'>[] } {
  const { format, sweep, engine, models, tasks, cells } = JSON.parse(serialiseManifest(manifest)) as Manifest;
  const { name, file } = sweep;
  return { format, engine, models, tasks, cells: cells.map(({ id: _, ...cell }) => cell), sweep: { name, file } };
}

/** `place.key[0] <a's value>, not <b's>`; undefined where they are equal. */
export function firstDifference(a: unknown, b: unknown, place: string): string | undefined {
  if (!isHolder(a) || !isHolder(b) || Array.isArray(a) !== Array.isArray(b)) return a === b ? undefined : `${place} ${shown(a)}, not ${shown(b)}`;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const within = Array.isArray(a) ? `${place}[${key}]` : `${place}${place && '.'}${key}`;
    const found = firstDifference(a[key], b[key], within);
    if (found) return found;
  }
  return undefined;
}

const isHolder = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 200);
