import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PathPressError } from '../engine/errors.js';

/** @throws PathPressError BAD_FILE, naming the flag, where a path is not that of a file; WRITE_FAILED where none can be made there. */
export function checkWritable(flag: string, path: string): void {
  const bad = (why: string) => new PathPressError('BAD_FILE', `${flag} ${path}: ${why}`);
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  if (!folder?.isDirectory()) throw bad(`${dirname(path)} is no folder`);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there && !there.isFile()) throw bad('not a regular file');
  if (there) return;
  const made = `${path}.${process.pid}.part`;
  try {
    closeSync(openSync(made, 'w'));
    rmSync(made);
  } catch (cause) {
    throw new PathPressError('WRITE_FAILED', `${flag} ${path}: cannot be made (${(cause as Error).message})`, { cause });
  }
}
