// Lays the optional package that spares a compiler under build/prebuilt/, and packs it: `npm run prebuild`.
// (npm also takes the name for a step before `build`; this repository's .npmrc turns such hooks off.)
//   --addon FILE  packs this add-on in place of a portable build
//   --out DIR     in place of build/prebuilt
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { addon: { type: 'string' }, out: { type: 'string' } } });
const out = values.out ?? join(root, 'build', 'prebuilt');

function run(command, args, cwd = root) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    console.error(`prebuild: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` (exit ${status})`}`);
    process.exit(1);
  }
}

/** The newest version of the GNU C library that the add-on asks for; undefined where it asks for none. */
function libcNeeded(addon) {
  const asked = readFileSync(addon, 'latin1').match(/GLIBC_2\.\d+/g) ?? [];
  const minors = asked.map((name) => Number(name.split('.')[1]));
  return minors.length ? `2.${Math.max(...minors)}` : undefined;
}

if (!values.addon) run(process.execPath, [join(root, 'native', 'build.mjs'), '--portable']);
const addon = values.addon ?? join(root, 'build', 'portable', 'engine.node');
const { name: project, version, license, author } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { platform, arch } = process;
const name = `${project}-${platform}-${arch}`; // looked for by src/engine/addon.ts
const libc = libcNeeded(addon);
const needs = `Node 20.19 or newer${libc ? ` and glibc ${libc} or newer` : ''}`;
const folder = join(out, name);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
cpSync(addon, join(folder, 'engine.node'));
cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
const about = `The native engine of ${project} ${version}, compiled for ${platform}-${arch}`;
writeFileSync(join(folder, 'README.md'), `${about}. It needs ${needs}.\n`);
const manifest = {
  name,
  version,
  description: about,
  license,
  author,
  os: [platform],
  cpu: [arch],
  ...(libc && { libc: ['glibc'] }),
  engines: { node: '>=20.19' },
  main: 'engine.node',
  files: ['engine.node'],
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
run('npm', ['pack', '--silent', '--pack-destination', out], folder);
const megabytes = (statSync(join(folder, 'engine.node')).size / 1e6).toFixed(1);
console.log(`${folder}: engine.node of ${megabytes} MB; needs ${needs}`);
