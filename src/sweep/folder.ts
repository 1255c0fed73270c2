/** The folder of a sweep: its manifest, and a file of records for each cell. */
import { existsSync, readdirSync, rmdirSync, rmSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { sampleKey } from '../evaluate/evaluate.js';
import { checkSettings, type EvalRecord } from '../evaluate/record.js';
import { recordsSoFar } from '../evaluate/records-file.js';
import { makeFolder } from '../make-folder.js';
import { writeWhole } from '../whole-file.js';
import { standingOf } from './grown.js';
import { manifestName, readManifest, serialiseManifest, type Manifest, type SweepCell } from './manifest.js';
import { isLockLeftover, lockName } from '../run-lock.js';
import { inShard } from './shard.js';

const cellsName = 'cells';

export const cellPath = (folder: string, { id }: SweepCell): string => join(folder, cellsName, `${id}.jsonl`);

export const hasManifest = (folder: string): boolean => existsSync(join(folder, manifestName));

/** @throws as `readManifest`; BAD_FILE where the folder has none */
export async function manifestOf(folder: string): Promise<Manifest> {
  if (!hasManifest(folder)) throw new PathPressError('BAD_FILE', `${folder}: no ${manifestName}: not the folder of a sweep`);
  return readManifest(join(folder, manifestName));
}

/**
 * Makes the folder, or goes on with it where the same sweep began there.
 * @param extend also where the sweep has grown since: its manifest becomes this one
 * @throws PathPressError RECORD_MISMATCH where it is another sweep's, BAD_FILE where it holds something else, WRITE_FAILED
 */
export async function openSweepFolder(folder: string, manifest: Manifest, extend = false): Promise<void> {
  const before = await checkSweepFolder(folder, manifest, extend);
  if (before) checkCellFiles(folder, manifest);
  if (!before?.same) writeWhole(join(folder, manifestName), serialiseManifest(before ? after(before.manifest, folder, manifest) : manifest));
  try {
    makeFolder(join(folder, cellsName));
  } catch (cause) {
    throw new PathPressError('WRITE_FAILED', `${folder}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * @param extend whether the sweep may have grown since the folder was begun
 * @returns the folder's manifest, and whether it is the sweep's as it stands; undefined where there is none yet
 * @throws PathPressError RECORD_MISMATCH where the folder is another sweep's, BAD_FILE where it holds something else
 */
export async function checkSweepFolder(folder: string, manifest: Manifest, extend = false): Promise<{ manifest: Manifest; same: boolean } | undefined> {
  if (!hasManifest(folder)) return void checkEmpty(folder);
  const there = await manifestOf(folder);
  const standing = standingOf(there, manifest);
  if (standing.is === 'same' || (standing.is === 'part' && extend)) return { manifest: there, same: standing.is === 'same' };
  const [what, help] = standing.is === 'part' ? ['holds part of this sweep', '--extend goes on with it'] : ['is of another sweep', 'give another --out'];
  throw new PathPressError('RECORD_MISMATCH', `${folder} ${what}: ${standing.why}; ${help}`);
}

/** The manifest of a sweep whose file has changed, and may have grown: readers of its intervals must know that somebody may have looked in between. */
function after(there: Manifest, folder: string, manifest: Manifest): Manifest {
  const before = new Map(there.cells.map((cell) => [cell.id, cell.problems * cell.samplesPerProblem]));
  const grew = manifest.cells.some((cell) => cell.problems * cell.samplesPerProblem > (before.get(cell.id) ?? 0));
  const samples = there.cells.reduce((sum, _, number) => sum + cellRecords(folder, there, number).length, 0);
  const earlier = [...(there.sweep.earlier ?? []), ...(grew && samples > 0 ? [{ file: there.sweep.file, samples }] : [])];
  return { ...manifest, sweep: { ...manifest.sweep, ...(earlier.length && { earlier }) } };
}

/** What a killed beginning leaves: nothing that is lost with it. */
const isLeftover = (entry: Dirent): boolean =>
  entry.isFile() && (entry.name === lockName || isLockLeftover(entry.name) || /^manifest\.json\.\d+\.part$/.test(entry.name));

/** @throws PathPressError BAD_FILE where the folder is none, or holds anything but what a killed beginning leaves */
export function checkEmpty(folder: string): void {
  leftovers(folder);
}

/** Removes a folder that is empty, or holds what a killed beginning left; one that is not there too. @throws as `checkEmpty` */
export function removeEmpty(folder: string): void {
  const names = leftovers(folder);
  if (!names) return;
  for (const name of names) rmSync(join(folder, name), { force: true });
  rmdirSync(folder);
}

/** Undefined where there is no folder. */
function leftovers(folder: string): string[] | undefined {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new PathPressError('BAD_FILE', `${folder}: ${code === 'ENOTDIR' ? 'not a folder' : (cause as Error).message}`, { cause });
  }
  const foreign = entries.find((entry) => !isLeftover(entry));
  if (foreign) {
    const what = hasManifest(folder) ? 'is the folder of a sweep already' : `holds ${foreign.name} and no ${manifestName}`;
    throw new PathPressError('BAD_FILE', `${folder}: ${what}: give an empty folder`);
  }
  return entries.map(({ name }) => name);
}

/** @throws PathPressError RECORD_MISMATCH where a file of records belongs to no cell of the manifest */
export function checkCellFiles(folder: string, { cells }: Manifest): void {
  const known = new Set(cells.map(({ id }) => `${id}.jsonl`));
  const path = join(folder, cellsName);
  const foreign = (existsSync(path) ? readdirSync(path) : []).find((name) => !known.has(name));
  if (foreign) throw new PathPressError('RECORD_MISMATCH', `${join(path, foreign)}: no cell of this sweep`);
}

/**
 * The records of a cell, each held against it, in the order of the file; none where it has not begun.
 * @param number the cell's in the manifest
 * @throws as `readRecords`; RECORD_MISMATCH for a record of other settings, of another shard, or that stands twice
 */
export function cellRecords(folder: string, { cells, shard }: Manifest, number: number): EvalRecord[] {
  const cell = cells[number]!;
  const path = cellPath(folder, cell);
  const records = recordsSoFar(path);
  const seen = new Set<string>();
  records.forEach((record, i) => {
    const where = `${path} line ${i + 1}`;
    checkSettings(record, cell.settings, where);
    const { problem, sample } = record;
    const refuse = (why: string): never => {
      throw new PathPressError('RECORD_MISMATCH', `${where}: problem ${problem}, sample ${sample} ${why}`);
    };
    if (!(problem < cell.problems && sample < cell.samplesPerProblem)) refuse('is beyond the cell');
    if (shard && !inShard(shard, number, problem)) refuse(`is not of shard ${shard.index}/${shard.of}`);
    if (seen.has(sampleKey(record))) refuse('stands twice');
    seen.add(sampleKey(record));
  });
  return records;
}
