/** Cases measured again into a record that is there: each says with which commit. */
import { readFileSync } from 'node:fs';
import { PathPressError } from '../engine/errors.js';
import type { Job } from './context.js';
import type { BenchRecord } from './record.js';

/**
 * `record` with `fresh`'s cases in place of those that the same jobs made.
 * @throws PathPressError BAD_FLAG where they are of another machine or number of threads, BAD_FILE where a job has no case
 */
export function amended(record: BenchRecord, fresh: BenchRecord, jobs: readonly Pick<Job, 'name'>[]): BenchRecord {
  for (const key of ['processor', 'threads', 'simd', 'quick'] as const) {
    if (record[key] !== fresh[key]) throw new PathPressError('BAD_FLAG', `--amend: the record's ${key} is ${record[key]}, this run's ${fresh[key]}`);
  }
  const cases = [...record.cases];
  for (const { name } of jobs) {
    const made = fresh.cases.filter((one) => one.name.startsWith(name)).map((one) => ({ ...one, commit: fresh.commit }));
    const at = cases.findIndex((one) => one.name.startsWith(name));
    if (at < 0) throw new PathPressError('BAD_FILE', `--amend: the record has no case "${name}"`);
    cases.splice(at, cases.filter((one) => one.name.startsWith(name)).length, ...made);
  }
  return { ...record, cases };
}

export const readBenchRecord = (file: string): BenchRecord => JSON.parse(readFileSync(file, 'utf8')) as BenchRecord;
