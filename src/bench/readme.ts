/** `node dist/bench/readme.js`: puts the tables of the bench's records between their markers in README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import type { BenchRecord } from './record.js';
import { markdown } from './table.js';

/** The records that README shows, by the name of their markers. */
const shown: Record<string, string> = { bench: 'bench.json', 'bench-avx2': 'bench-avx2.json' };
export const readmeFile = join(packageRoot, 'README.md');

/** @throws PathPressError BAD_FILE where the markers are not there, in order */
export function withTable(readme: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new PathPressError('BAD_FILE', `README.md has no ${begin} ... ${end}`);
  return `${readme.slice(0, from + begin.length)}\n${table}\n${readme.slice(to)}`;
}

/** README with the tables of the records as they are. @throws as `withTable`, or what reading a record throws */
export const withTables = (readme: string): string =>
  Object.entries(shown).reduce((text, [name, file], i) => withTable(text, name, markdown(readRecord(file), i === 0)), readme);

const readRecord = (file: string): BenchRecord => JSON.parse(readFileSync(join(packageRoot, 'data', 'records', file), 'utf8')) as BenchRecord;

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(readmeFile, withTables(readFileSync(readmeFile, 'utf8')));
}
