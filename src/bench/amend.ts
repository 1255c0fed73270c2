/** Cases measured again into a record that is there: each says with which commit. */
import { PathPressError } from '../engine/errors.js';
import type { BenchCase, BenchRecord } from './record.js';

/** What cases of one record have to share. */
type Setting = Pick<BenchRecord, 'processor' | 'threads' | 'simd' | 'quick'>;

/** @throws PathPressError BAD_FLAG where a record's machine, threads or length are not this run's: before it costs anything */
export function checkAmendable(record: BenchRecord, own: Setting): void {
  for (const key of ['processor', 'threads', 'simd', 'quick'] as const) {
    if (record[key] !== own[key]) throw new PathPressError('BAD_FLAG', `--amend: the record's ${key} is ${record[key]}, this run's ${own[key]}`);
  }
}

/** `record` with `fresh`'s cases in place of its own, whichever products were faster; what was not measured takes nothing away. */
export function amended(record: BenchRecord, fresh: BenchRecord): BenchRecord {
  const plain = ({ name }: BenchCase): string => name.replace(/, (float32|bf16) products$/, '');
  const cases = [...record.cases];
  for (const one of fresh.cases.filter(({ rounds }) => rounds.length > 0)) {
    const at = cases.findIndex((before) => plain(before) === plain(one));
    cases[at < 0 ? cases.length : at] = { ...one, commit: fresh.commit };
  }
  return { ...record, cases };
}
