import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { parseJson } from '../json-file.js';
import { packageRoot } from '../package.js';
import { writeWhole } from '../whole-file.js';

/** A number that a notebook wants to be read first, with its interval where it has one. */
export interface Headline {
  label: string;
  value: number;
  low?: number;
  high?: number;
  /** `%` and `points` show a share, or a difference of shares, times 100; anything else is put behind the number. */
  unit?: string;
  note?: string;
}

const figures = join(packageRoot, 'figures');
const ending = '.headline.json';

/**
 * Saves a notebook's headline numbers as figures/<notebook>.headline.json, for the table at the end of `reproduce`.
 * @throws PathPressError BAD_OPTION where a number is not finite; WRITE_FAILED
 */
export function saveHeadline(notebook: string, rows: Headline[], folder = figures): void {
  for (const row of rows) {
    const bad = [row.value, row.low, row.high].find((x) => x !== undefined && !Number.isFinite(x));
    if (bad !== undefined)
      throw new PathPressError('BAD_OPTION', `headline "${row.label}" of ${notebook} holds ${bad}`);
  }
  writeWhole(join(folder, notebook + ending), `${JSON.stringify(rows, null, 1)}\n`);
}

/** Headline numbers of every notebook that saved some, by notebook. */
export function readHeadlines(folder = figures): { notebook: string; rows: Headline[] }[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort();
  return files.map((name) => ({
    notebook: name.slice(0, -ending.length),
    rows: parseJson(readFileSync(join(folder, name), 'utf8'), join(folder, name)) as Headline[],
  }));
}

/** `92.5 % [89.0, 95.1]`, `8.59 bits [8.42, 8.77]`. */
export function showHeadline({ value, low, high, unit }: Headline): string {
  const share = unit === '%' || unit === 'points';
  const scale = share ? 100 : 1;
  const digits =
    share ? 1 : Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  const show = (x: number) => (x * scale).toFixed(digits);
  const interval = low !== undefined && high !== undefined ? ` [${show(low)}, ${show(high)}]` : '';
  return `${show(value)}${unit ? ` ${unit}` : ''}${interval}`;
}
