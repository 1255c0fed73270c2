import { statSync } from 'node:fs';
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
