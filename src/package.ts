import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, data/ and figures/. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

export const version: string = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version;

/** The folder of a model that comes with the project: `reasoner` (also `reasoner-s2`, `reasoner-s3`) or `writer`. */
export function bundledModel(name: string): string {
  return join(packageRoot, 'data', 'models', name);
}

/** A folder's name for records: relative to the project where it lies within, else its last part; never a path of this machine. */
export function portableName(folder: string): string {
  const inside = relative(packageRoot, resolve(folder));
  return inside.startsWith('..') || inside === '' ? resolve(folder).split(sep).pop()! : inside.split(sep).join('/');
}

/** The commit that is checked out here, with `+` where files of it were changed; `unknown` outside of a checkout. */
export function checkedOut(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: packageRoot, encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '+' : '');
  } catch {
    return 'unknown';
  }
}
