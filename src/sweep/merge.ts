/** Puts the shards of a sweep together into the folder that one undisturbed run leaves, records in order. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import type { EvalRecord } from '../evaluate/record.js';
import { recordLine } from '../evaluate/records-file.js';
import { makeFolder } from '../make-folder.js';
import { pause } from '../pause.js';
import { writeWhole } from '../whole-file.js';
import { cellPath, cellRecords, checkCellFiles, checkEmpty, manifestOf, removeEmpty } from './folder.js';
import { alive, readState } from '../run-lock.js';
import { manifestName, serialiseManifest, type Manifest } from './manifest.js';
import { samplesOf } from './shard.js';
import { absent, checkTogether } from './status.js';

/** What was put together, in counts. */
export interface MergedSweep {
  parts: number;
  cells: number;
  records: number;
}

/**
 * Checks the parts whole, then writes: `out` appears with everything or not at all. A single folder may be merged too: its
 * records are put in order.
 * @throws PathPressError RECORD_MISMATCH naming the part that belongs to another sweep, overlaps another, is missing, or is
 *   not done; BAD_FILE where `out` is not empty; BUSY; WRITE_FAILED
 */
export async function mergeSweep(folders: readonly string[], out: string, signal?: AbortSignal): Promise<MergedSweep> {
  const manifests = await Promise.all(folders.map(manifestOf));
  checkTogether(folders, manifests);
  const missing = absent(manifests);
  if (missing.length) {
    const { of } = manifests[0]!.shard!;
    throw new PathPressError('RECORD_MISMATCH', `missing: ${missing.map((index) => `shard ${index}/${of}`).join(', ')}`);
  }
  folders.forEach((folder, i) => {
    checkCellFiles(folder, manifests[i]!);
    checkDone(folder, manifests[i]!);
  });
  checkEmpty(out);
  const state = readState(out);
  if (state && alive(state)) throw new PathPressError('BUSY', `${out}: process ${state.pid} on ${state.host} is at work there`);
  const whole: Manifest = { ...manifests[0]!, shard: null };
  const made = `${out.replace(/\/+$/, '')}.${process.pid}.part`;
  let records = 0;
  try {
    makeFolder(dirname(made));
    mkdirSync(made); // alone: only what was made here is removed below
  } catch (cause) {
    throw new PathPressError('WRITE_FAILED', `${made}: ${(cause as Error).message}`, { cause });
  }
  try {
    for (const [number, cell] of whole.cells.entries()) {
      const all = folders.flatMap((folder, i) => cellRecords(folder, manifests[i]!, number)).sort(byNumber);
      writeWhole(cellPath(made, cell), all.map(recordLine));
      records += all.length;
      await pause(signal);
    }
    writeWhole(join(made, manifestName), serialiseManifest(whole));
    removeEmpty(out); // what came there meanwhile is refused, not removed
    renameSync(made, out);
  } catch (cause) {
    rmSync(made, { recursive: true, force: true });
    if (cause instanceof PathPressError || (cause as Error).name === 'AbortError') throw cause;
    throw new PathPressError('WRITE_FAILED', `${out}: ${(cause as Error).message}`, { cause });
  }
  return { parts: folders.length, cells: whole.cells.length, records };
}

const byNumber = (a: EvalRecord, b: EvalRecord): number => a.problem - b.problem || a.sample - b.sample;

function checkDone(folder: string, manifest: Manifest): void {
  let left = 0;
  manifest.cells.forEach((cell, number) => {
    left += samplesOf(cell, number, manifest.shard).length - cellRecords(folder, manifest, number).length;
  });
  const { shard } = manifest;
  const part = shard ? `shard ${shard.index}/${shard.of}` : 'the sweep';
  if (left) throw new PathPressError('RECORD_MISMATCH', `${folder}: ${part} is not done: ${left} samples are left`);
}
