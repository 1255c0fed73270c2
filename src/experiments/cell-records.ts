/** Records of a finished sweep's cell, and numbers of them as a committed record has them. */
import { PathPressError } from '../engine/errors.js';
import type { EvalRecord } from '../evaluate/record.js';
import { cellRecords } from '../sweep/folder.js';
import type { Manifest } from '../sweep/manifest.js';
import type { SampleFigures } from '../sweep/summary.js';

/**
 * A cell's records in the order of its problems.
 * @param number the cell's in the manifest
 * @throws PathPressError RECORD_MISMATCH where the cell is not whole or has more than one sample a problem
 */
export function finishedRecords(folder: string, manifest: Manifest, number: number): EvalRecord[] {
  const { arm, settings, problems, samplesPerProblem } = manifest.cells[number]!;
  const records = cellRecords(folder, manifest, number);
  if (records.length !== problems || samplesPerProblem !== 1) {
    const what = `${settings.task.name}, arm ${arm}: ${records.length} samples of ${problems} problems`;
    throw new PathPressError('RECORD_MISMATCH', `${what}: needs one each: finish the sweep first`);
  }
  return records.sort((a, b) => a.problem - b.problem);
}

/** Bytes to the byte and tokens to a tenth: a record is read by people too. */
export function readable({ meanTokens, meanEntries, meanBytes }: SampleFigures): Pick<SampleFigures, 'meanTokens' | 'meanEntries' | 'meanBytes'> {
  return { meanTokens: tenths(meanTokens), meanEntries: tenths(meanEntries), meanBytes: Math.round(meanBytes) };
}

export const tenths = (value: number): number => Number(value.toFixed(1));

/** `1` or `0` for each record. */
export const digits = (records: readonly EvalRecord[]): string => records.map(({ correct }) => Number(correct)).join('');
