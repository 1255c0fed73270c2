/** What of a sweep is done and what is left: of a folder, or of all shards of a sweep together. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { cellRecords, hasManifest, manifestOf } from './folder.js';
import { alive, readState } from '../run-lock.js';
import { difference, type Manifest } from './manifest.js';
import { samplesOf, type Shard } from './shard.js';

/** One folder's part of a status. */
export interface PartStatus {
  folder: string;
  shard: Shard | null;
  done: number;
  total: number;
  running: boolean;
  /** Of the run under way, or else of the last one; null where none recorded a sample. */
  samplesPerSecond: number | null;
  tokensPerSecond: number | null;
}

/** A sweep as its folders tell it. */
export interface SweepStatus {
  name: string;
  /** Samples recorded each time that the sweep grew (`--extend`); none where it never did. */
  grewAfter: number[];
  cells: { done: number; total: number };
  /** Of the folders there are, and of shards that have none yet. */
  samples: { done: number; total: number };
  running: boolean;
  samplesPerSecond: number | null;
  tokensPerSecond: number | null;
  /** At the rates above, shards at once; null where a part that is not done has no rate. */
  secondsLeft: number | null;
  /** Shards that have no folder among these. */
  missingShards: number[];
  parts: PartStatus[];
}

/** The folder itself, or those of the shards in it. @throws PathPressError BAD_FILE where there is no sweep */
export function sweepFolders(folder: string): string[] {
  if (!existsSync(folder)) throw new PathPressError('BAD_FILE', `${folder}: no such folder`);
  if (!statSync(folder).isDirectory()) throw new PathPressError('BAD_FILE', `${folder}: not a folder`);
  if (hasManifest(folder)) return [folder];
  const within = readdirSync(folder).map((name) => join(folder, name)).filter(hasManifest).sort();
  if (within.length === 0) throw new PathPressError('BAD_FILE', `${folder}: no manifest.json, in it or in a folder of it: no sweep`);
  return within;
}

/**
 * Reads manifests and records; writes nothing, and may be asked while the sweep runs.
 * @throws PathPressError BAD_FILE, or RECORD_MISMATCH where folders are of different sweeps or a record belongs to none
 */
export async function statusOf(folders: readonly string[]): Promise<SweepStatus> {
  const manifests = await Promise.all(folders.map(manifestOf));
  checkTogether(folders, manifests);
  const { sweep, cells } = manifests[0]!;
  const left = cells.map(({ problems, samplesPerProblem }) => problems * samplesPerProblem); // of each cell
  const parts = folders.map((folder, i): PartStatus => {
    const manifest = manifests[i]!;
    let [done, total] = [0, 0];
    cells.forEach((cell, number) => {
      const there = cellRecords(folder, manifest, number).length;
      left[number]! -= there;
      done += there;
      total += samplesOf(cell, number, manifest.shard).length;
    });
    return { folder, shard: manifest.shard, done, total, ...paceOf(folder) };
  });
  const all = cells.reduce((sum, { problems, samplesPerProblem }) => sum + problems * samplesPerProblem, 0);
  const done = parts.reduce((sum, part) => sum + part.done, 0);
  const working = parts.filter(({ running }) => running);
  const rate = (key: 'samplesPerSecond' | 'tokensPerSecond') => {
    const known = (working.length ? working : parts).flatMap((part) => part[key] ?? []);
    return known.length ? known.reduce((a, b) => a + b) : null;
  };
  const missingShards = absent(manifests);
  const times = parts.map((part) => (part.done === part.total ? 0 : part.samplesPerSecond ? (part.total - part.done) / part.samplesPerSecond : null));
  return {
    name: sweep.name,
    grewAfter: (sweep.earlier ?? []).map(({ samples }) => samples),
    cells: { done: left.filter((samples) => samples === 0).length, total: cells.length },
    samples: { done, total: all },
    running: working.length > 0,
    samplesPerSecond: rate('samplesPerSecond'),
    tokensPerSecond: rate('tokensPerSecond'),
    secondsLeft: missingShards.length || times.includes(null) ? null : Math.max(...(times as number[])),
    missingShards,
    parts,
  };
}

/** Shards of the sweep that none of the manifests is of. */
export function absent(manifests: readonly Manifest[]): number[] {
  const { shard } = manifests[0]!;
  if (!shard) return [];
  const there = new Set(manifests.map((manifest) => manifest.shard!.index));
  return Array.from({ length: shard.of }, (_, i) => i + 1).filter((index) => !there.has(index));
}

/** @throws PathPressError RECORD_MISMATCH where folders are not parts of one sweep, or two are the same part */
export function checkTogether(folders: readonly string[], manifests: readonly Manifest[]): void {
  const bad = (why: string): never => {
    throw new PathPressError('RECORD_MISMATCH', why);
  };
  const first = manifests[0]!;
  const taken = new Map<number | null, string>();
  manifests.forEach((manifest, i) => {
    const folder = folders[i]!;
    const differs = difference(manifest, first);
    if (differs) bad(`${folder} is of another sweep than ${folders[0]}: ${differs}`);
    const { shard } = manifest;
    if (shard?.of !== first.shard?.of) bad(`${folder} is ${named(shard)}, ${folders[0]} is ${named(first.shard)}: they overlap`);
    const other = taken.get(shard?.index ?? null);
    if (other) bad(`${folder} and ${other} are both ${named(shard)}: they overlap`);
    taken.set(shard?.index ?? null, folder);
  });
}

const named = (shard: Shard | null): string => (shard ? `shard ${shard.index}/${shard.of}` : 'the whole sweep');

function paceOf(folder: string): Pick<PartStatus, 'running' | 'samplesPerSecond' | 'tokensPerSecond'> {
  const state = readState(folder);
  if (!state || state.done === state.before) return { running: state !== undefined && alive(state), samplesPerSecond: null, tokensPerSecond: null };
  const seconds = Math.max(1e-3, (state.updated - state.started) / 1000);
  return { running: alive(state), samplesPerSecond: (state.done - state.before) / seconds, tokensPerSecond: state.tokens / seconds };
}
