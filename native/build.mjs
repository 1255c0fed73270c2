// Builds build/native/engine.node and the native tests: configure once, then only what changed. `npm run build:native`.
// `--portable` builds build/portable/engine.node alone, with its C++ library in it, so that it runs on other machines.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));
const portable = process.argv.includes('--portable');
const build = join(native, '..', 'build', portable ? 'portable' : 'native');

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function requireTools() {
  const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  const missing = [];
  if (!works('cmake')) missing.push({ tool: 'CMake 3.22 or newer', apt: 'cmake', dnf: 'cmake', brew: 'cmake' });
  if (!compilers.some(works)) {
    missing.push({ tool: 'a C++20 compiler (GCC 11 or Clang 14 or newer)', apt: 'g++', dnf: 'gcc-c++', brew: 'llvm' });
  }
  if (!works('ninja') && !works('make')) {
    missing.push({ tool: 'Ninja or make', apt: 'ninja-build', dnf: 'ninja-build', brew: 'ninja' });
  }
  if (missing.length === 0) return;
  const names = (manager) => missing.map((row) => row[manager]).join(' ');
  console.error(`The native engine cannot be built. Missing: ${missing.map((row) => row.tool).join('; ')}.`);
  console.error('Install with one of:');
  console.error(`  Debian, Ubuntu:  sudo apt install ${names('apt')}`);
  console.error(`  Fedora:          sudo dnf install ${names('dnf')}`);
  console.error(`  macOS:           brew install ${names('brew')}`);
  process.exit(1);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`native build: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` (exit ${status})`}`);
  process.exit(1);
}

requireTools();
// The cache file is there after a failed configuration too, the build files are not.
if (!['build.ninja', 'Makefile'].some((file) => existsSync(join(build, file)))) {
  const generator = works('ninja') ? ['-G', 'Ninja'] : [];
  const options = ['-DCMAKE_BUILD_TYPE=Release', `-DPATHPRESS_PORTABLE=${portable ? 'ON' : 'OFF'}`];
  run('cmake', ['-S', native, '-B', build, ...generator, ...options]);
}
const target = portable ? ['--target', 'pathpress_addon'] : [];
run('cmake', ['--build', build, ...target, '--parallel', String(availableParallelism())]);
