import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { versions } from '../engine/engine.js';
import { PathPressError } from '../engine/errors.js';
import { parseJson } from '../json-file.js';
import { packageRoot, portableName, version } from '../package.js';
import { writeWhole } from '../whole-file.js';
import { openGrid, type Grid } from './grid.js';

/** What decides the numbers of a record: where one of these differs, the record is of something else. */
export interface RecordSettings {
  /** What made it, to be typed again: a notebook or a command line. */
  command: string;
  /** Weights hash of each model that took part, by its name. */
  models?: Record<string, string>;
  /** Version of each task that took part. */
  tasks?: Record<string, number>;
  /** Policies, seeds, problems, lengths: everything else that was chosen. */
  options: unknown;
}

/** A committed summary of runs too long to repeat at every reading: data/records/<name>.json. */
export interface SummaryRecord<T> extends RecordSettings {
  name: string;
  engine: string;
  device: 'cpu';
  /** Where it was made: for the numbers that are times, and for outputs that part where kernels round otherwise. */
  machine: { processor: string; cores: number; simd: string };
  made: string;
  /** What making it took there. */
  seconds: number;
  data: T;
}

export interface UseRecordOptions {
  /** Make it anew; if left out, so says the environment's PATHPRESS_FRESH=1. */
  fresh?: boolean;
  folder?: string;
  cache?: string;
}

const records = join(packageRoot, 'data', 'records');

/**
 * A committed record, or a new one in its place. `compute` may run its cells through the grid that it is given: a cell that
 * was made before a kill is not made again.
 * @throws PathPressError RECORD_MISMATCH where there is no record, or one of another model, task version or choice of options.
 */
export async function useRecord<T>(
  name: string,
  settings: RecordSettings,
  compute: (grid: Grid) => Promise<T> | T,
  {
    fresh = process.env.PATHPRESS_FRESH === '1',
    folder = records,
    cache = join(packageRoot, '.cache', 'records'),
  }: UseRecordOptions = {},
): Promise<SummaryRecord<T>> {
  const path = join(folder, `${name}.json`);
  const wanted = JSON.parse(JSON.stringify(settings)) as RecordSettings;
  if (!fresh) return checked(readRecord<T>(path), wanted, path);
  const { simd } = versions();
  const grid = openGrid(join(cache, name), { ...wanted, engine: version, simd });
  const started = performance.now();
  try {
    const data = await compute(grid);
    const elsewhere = (performance.now() - started) / 1000 - grid.secondsNow;
    const seconds = Number((grid.seconds + Math.max(0, elsewhere)).toFixed(2));
    const machine = { processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, simd };
    const made = new Date().toISOString().slice(0, 10);
    const record: SummaryRecord<T> = { name, ...wanted, engine: version, device: 'cpu', machine, made, seconds, data };
    writeWhole(path, serialise(record));
    grid.forget();
    return JSON.parse(JSON.stringify(record)) as SummaryRecord<T>; // as every later reading will see it
  } finally {
    grid.close();
  }
}

/**
 * Name and seconds of every committed record that a fresh run would make anew: each whose command names no folder
 * (`PATHPRESS_TRACES=DIR`) that is not at hand. Other commands' (soak.json) have no such time.
 * @param there whether the folder that an environment variable names is at hand
 */
export function recordTimes(there: (variable: string) => boolean, folder = records): { name: string; seconds: number }[] {
  const files = list(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();
  return files
    .map((file) => readRecord(join(folder, file)))
    .filter(({ seconds }) => seconds !== undefined)
    .filter(({ command }) => [...command.matchAll(/\b([A-Z_]+)=DIR\b/g)].every(([, variable]) => there(variable)))
    .map(({ name, seconds }) => ({ name, seconds }));
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new PathPressError('BAD_FILE', `${folder}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * A committed record as it is, for a notebook that draws on what another one made.
 * @throws PathPressError RECORD_MISMATCH where there is none
 */
export function keptRecord<T>(name: string, folder = records): SummaryRecord<T> {
  return readRecord<T>(join(folder, `${name}.json`));
}

function readRecord<T>(path: string): SummaryRecord<T> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PathPressError('RECORD_MISMATCH', `${path}: no such record: make it with PATHPRESS_FRESH=1`, { cause });
  }
  return parseJson(text, path) as SummaryRecord<T>;
}

function checked<T>(record: SummaryRecord<T>, wanted: RecordSettings, path: string): SummaryRecord<T> {
  for (const key of ['models', 'tasks', 'options'] as const) {
    if (isDeepStrictEqual(record[key], wanted[key])) continue;
    const [theirs, ours] = [record[key], wanted[key]].map((value) => JSON.stringify(value));
    throw new PathPressError(
      'RECORD_MISMATCH',
      `${path} was made with ${key} ${theirs}, not ${ours}: make it anew with PATHPRESS_FRESH=1`,
    );
  }
  // It stays in the notebook, so that no path of this machine may be in it.
  if (record.engine !== version) console.warn(`${portableName(path)} was made with engine ${record.engine}; this is ${version}`);
  return record;
}

// One line a key: small, and its changes can be read.
function serialise(record: object): string {
  const lines = Object.entries(record).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}
