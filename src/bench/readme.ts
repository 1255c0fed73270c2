/** `node dist/bench/readme.js`: puts the table of data/records/bench.json between README's two markers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import type { BenchRecord } from './record.js';
import { markdown } from './table.js';

export const benchFile = join(packageRoot, 'data', 'records', 'bench.json');
export const readmeFile = join(packageRoot, 'README.md');
const [begin, end] = ['<!-- bench -->', '<!-- /bench -->'];

/** @throws PathPressError BAD_FILE where the markers are not there, in order */
export function withTable(readme: string, table: string): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new PathPressError('BAD_FILE', `README.md has no ${begin} ... ${end}`);
  return `${readme.slice(0, from + begin.length)}\n${table}\n${readme.slice(to)}`;
}

export const readRecord = (): BenchRecord => JSON.parse(readFileSync(benchFile, 'utf8')) as BenchRecord;

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(readmeFile, withTable(readFileSync(readmeFile, 'utf8'), markdown(readRecord())));
}
