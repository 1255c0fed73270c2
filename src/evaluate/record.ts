import { isDeepStrictEqual } from 'node:util';
import { PathPressError } from '../engine/errors.js';
import type { CacheType, Device, GenerateResult, Sampling } from '../engine/types.js';
import { parseJson } from '../json-file.js';
import type { Policy } from '../policies/policy.js';
import type { Split } from '../tasks/task.js';

/** Everything that decides the tokens of a sample but its problem and its number. */
export interface EvalSettings {
  split: Split;
  sampling: Omit<Sampling, 'seed'>;
  maxTokens: number;
  /** Stop strings, and the ids that end a sample (the model's own where nothing else was asked for). */
  stop: { strings: string[]; ids: number[] };
  policy: Policy;
  cache: CacheType;
  /** A name for people: the project's own folder, or the last part of a folder elsewhere. */
  model: string;
  weightsHash: string;
  task: { name: string; version: number };
  seed: number;
  engine: string;
  device: Device;
  /** Instruction set of the kernels: another one rounds otherwise, and a sample may part from there. */
  simd: string;
}

/** One sample of one problem, a line of the records file. */
export interface EvalRecord extends EvalSettings {
  problem: number;
  sample: number;
  correct: boolean;
  answer: string | null;
  lookups?: { right: number; total: number };
  finish: 'stop' | 'length';
  promptTokens: number;
  generatedTokens: number;
  meanEntries: number;
  peakEntries: number;
  finalEntries: number;
  meanBytes: number;
  peakBytes: number;
  sideBytes: number;
  readBytes: number;
  /** How many triggers of the policy took place, or evictions where there is one at every step. */
  compressions: number;
  seconds: Omit<GenerateResult['seconds'], 'load'>;
}

export const recordStart = '{"problem":'; // every line begins so: `record` puts the number first

/** A record with its keys in the order in which they are written. */
export function makeRecord(
  at: { problem: number; sample: number },
  grade: { correct: boolean; answer: string | null; lookups?: { right: number; total: number } },
  result: GenerateResult,
  settings: EvalSettings,
): EvalRecord {
  const { cache, seconds } = result;
  const { split, ...rest } = settings;
  return {
    problem: at.problem,
    sample: at.sample,
    split,
    correct: grade.correct,
    answer: grade.answer,
    ...(grade.lookups && { lookups: grade.lookups }),
    finish: result.finish as 'stop' | 'length',
    promptTokens: result.promptTokens,
    generatedTokens: result.generatedTokens,
    meanEntries: cache.meanEntries,
    peakEntries: cache.peakEntries,
    finalEntries: cache.finalEntries,
    meanBytes: cache.meanBytes,
    peakBytes: cache.peakBytes,
    sideBytes: cache.sideBytes,
    readBytes: cache.readBytes,
    compressions: result.evictions?.count ?? result.compressions.length,
    seconds: { prefill: seconds.prefill, decode: seconds.decode, compress: seconds.compress },
    ...rest,
  };
}

const compared = [
  'task',
  'split',
  'weightsHash',
  'policy',
  'seed',
  'sampling',
  'maxTokens',
  'stop',
  'cache',
  'engine',
  'device',
  'simd',
] as const;

const numbers = [
  'problem',
  'sample',
  'promptTokens',
  'generatedTokens',
  'meanEntries',
  'peakEntries',
  'finalEntries',
  'meanBytes',
  'peakBytes',
  'sideBytes',
  'readBytes',
  'compressions',
  'maxTokens',
  'seed',
] as const;

/**
 * A line of a records file as a record.
 * @throws PathPressError BAD_JSON for a line that is no JSON, RECORD_MISMATCH for one that is no record, or of no sample; both name file and line.
 */
export function parseRecord(line: string, where: string): EvalRecord {
  const value = parseJson(line, where);
  const record = (typeof value === 'object' && value !== null ? value : {}) as EvalRecord;
  const missing =
    numbers.find((key) => typeof record[key] !== 'number') ??
    (typeof record.correct !== 'boolean' ? 'correct' : undefined);
  if (missing) throw new PathPressError('RECORD_MISMATCH', `${where}: not a record of an evaluation: no "${missing}"`);
  // One of no sample would stand for one that was run.
  const odd = (['problem', 'sample'] as const).find((key) => !Number.isSafeInteger(record[key]) || record[key] < 0);
  if (odd) throw new PathPressError('RECORD_MISMATCH', `${where}: ${odd} ${record[odd]} is not a whole number from 0 on`);
  return record;
}

/** @throws PathPressError RECORD_MISMATCH naming the first setting in which a record differs from the run. */
export function checkSettings(record: EvalRecord, settings: EvalSettings, where: string): void {
  for (const key of compared) {
    if (isDeepStrictEqual(record[key], settings[key])) continue;
    const [theirs, ours] = [record[key], settings[key]].map((value) => JSON.stringify(value));
    throw new PathPressError(
      'RECORD_MISMATCH',
      `${where} was made with ${key} ${theirs}, not ${ours}: give another --out`,
    );
  }
}
