/** Where the native add-on lies: compiled in this package, else in the optional package with the prebuilt one. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packageRoot, version } from '../package.js';
import { PathPressError } from './errors.js';

const require = createRequire(import.meta.url);
const compiled = join(packageRoot, 'build', 'native', 'engine.node');
const prebuilt = `pathpress-${process.platform}-${process.arch}`;

/**
 * Loads build/native/engine.node, or the add-on of the prebuilt package of exactly this version. The compiled one goes
 * first: with a prebuilt one installed nothing is compiled unless somebody asks for it.
 * @throws PathPressError NOT_BUILT with the reason and the command that compiles the engine
 */
export function requireAddon(): { addon: unknown; file: string } {
  try {
    const file = existsSync(compiled) ? compiled : prebuiltFile();
    return { addon: require(file), file };
  } catch (cause) {
    const why = (cause as Error).message.split('\n')[0];
    const command = `node "${join(packageRoot, 'native', 'build.mjs')}"`;
    throw new PathPressError('NOT_BUILT', `the native engine is not there; run: ${command} (${why})`, { cause });
  }
}

function prebuiltFile(): string {
  let manifest: string;
  try {
    manifest = require.resolve(`${prebuilt}/package.json`);
  } catch {
    throw new Error(`neither compiled nor prebuilt: no package ${prebuilt}`);
  }
  const found = JSON.parse(readFileSync(manifest, 'utf8')).version;
  if (found !== version) throw new Error(`not compiled, and ${prebuilt} is of version ${found}, not ${version}`);
  return join(dirname(manifest), 'engine.node');
}
