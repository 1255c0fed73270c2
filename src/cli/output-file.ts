import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { PathPressError } from '../engine/errors.js';

/** @throws PathPressError BAD_FILE, naming the flag, where a file of this path could not be written. */
export function checkWritable(flag: string, path: string): void {
  const bad = (why: string) => new PathPressError('BAD_FILE', `${flag} ${path}: ${why}`);
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  if (!folder?.isDirectory()) throw bad(`${dirname(path)} is no folder`);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there && !there.isFile()) throw bad('not a regular file');
}

/**
 * Writes a file that appears whole or not at all.
 * @throws PathPressError WRITE_FAILED
 */
export function writeLines(path: string, lines: Iterable<string>): void {
  const partial = `${path}.${process.pid}.part`;
  try {
    const file = openSync(partial, 'w');
    try {
      for (const line of lines) writeSync(file, `${line}\n`);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (cause) {
    rmSync(partial, { force: true });
    throw new PathPressError('WRITE_FAILED', `${path}: ${(cause as Error).message}`, { cause });
  }
}
