import { mean } from '../analysis/statistics.js';
import { versions } from '../engine/engine.js';
import { PathPressError } from '../engine/errors.js';
import { version } from '../package.js';
import type { SummaryRecord } from './records.js';

export interface AgreementOptions {
  /** How far one value may be off; 1e-9 if left out. */
  tolerance?: number;
  /** SIMD level of this run; the engine's if left out. */
  simd?: string;
  /** Version of this engine; its own if left out. */
  engine?: string;
}

/**
 * Holds values that were made again, one a sample, against those of a record. With the record's own engine and SIMD level
 * the same seed gives the same tokens, so each value has to be the same. Another rounds otherwise and may turn a token,
 * after which a sample goes its own way: there the mean difference must lie within four of its standard errors.
 * @returns a line to print
 * @throws PathPressError RECORD_MISMATCH naming what differs
 */
export function checkAgreement(
  record: Pick<SummaryRecord<unknown>, 'name' | 'engine' | 'machine'>,
  what: string,
  kept: readonly number[],
  live: readonly number[],
  { tolerance = 1e-9, simd = versions().simd, engine = version }: AgreementOptions = {},
): string {
  const differences = live.map((value, i) => value - kept[i]);
  const same = differences.filter((difference) => Math.abs(difference) <= tolerance).length;
  const said = `${what}: ${same} of ${live.length} as in the record`;
  if (live.length === 0 || live.length > kept.length)
    throw new PathPressError('RECORD_MISMATCH', `${record.name}, ${what}: ${live.length} values, the record has ${kept.length}`);
  if (same === live.length) return said;
  if (simd === record.machine.simd && engine === record.engine) {
    const at = differences.findIndex((difference) => !(Math.abs(difference) <= tolerance));
    throw new PathPressError('RECORD_MISMATCH', `${record.name}, ${what}, sample ${at}: ${live[at]} now, ${kept[at]} in the record`);
  }
  const off = mean(differences);
  const variance = differences.reduce((sum, d) => sum + (d - off) ** 2, 0) / Math.max(1, differences.length - 1);
  const error = Math.sqrt(variance / differences.length);
  if (!(Math.abs(off) <= 4 * error))
    throw new PathPressError('RECORD_MISMATCH', `${record.name}, ${what}: ${mean(live)} on average now, ${mean(kept.slice(0, live.length))} in the record`);
  return `${said} (made with engine ${record.engine}, ${record.machine.simd}, run with ${engine}, ${simd}: tokens may turn)`;
}
