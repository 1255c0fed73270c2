/** The command line that starts the tslab kernel with its cure loaded. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PathPressError } from '../engine/errors.js';

/**
 * Arguments of `process.execPath`; a connection file's path is to follow.
 * @throws PathPressError `NOT_BUILT` where `npm run build` has not been run.
 */
export function kernelArguments(): string[] {
  const preload = fileURLToPath(new URL('../../dist/notebook/kernel-preload.js', import.meta.url)); // also when run from src
  if (!existsSync(preload)) throw new PathPressError('NOT_BUILT', `${preload} is missing: run "npm run build" first`);
  const tslab = path.join(path.dirname(createRequire(import.meta.url).resolve('tslab/package.json')), 'bin', 'tslab');
  return ['--disable-warning=ExperimentalWarning', '--import', pathToFileURL(preload).href, tslab, 'kernel', '--config-path'];
}
