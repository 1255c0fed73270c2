// Builds build/native/engine.node and the native tests: configure once, then only what changed. `npm run build:native`.
// With nvcc in PATH or in CUDA_HOME the add-on gets the CUDA backend; PATHPRESS_CUDA=off keeps it out (=on asks CMake to
// look for nvcc elsewhere), PATHPRESS_CUDA_ARCHITECTURES=90 compiles for one kind of card alone, which is quicker: of a
// folder without a build yet.
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

function cudaOptions() {
  const { PATHPRESS_CUDA: asked = '', PATHPRESS_CUDA_ARCHITECTURES: architectures, CUDA_HOME: home } = process.env;
  if (/^(off|0)$/i.test(asked)) return [];
  const own = home && join(home, 'bin', 'nvcc');
  const nvcc = [own, 'nvcc'].find((command) => command && works(command));
  if (!nvcc && !/^(on|1)$/i.test(asked)) return [];
  const options = ['-DPATHPRESS_CUDA=ON'];
  if (nvcc && nvcc === own) options.push(`-DPATHPRESS_NVCC=${own}`);
  if (architectures) options.push(`-DPATHPRESS_CUDA_ARCHITECTURES=${architectures}`);
  return options;
}

requireTools();
// The cache file is there after a failed configuration too, the build files are not.
if (!['build.ninja', 'Makefile'].some((file) => existsSync(join(build, file)))) {
  const generator = works('ninja') ? ['-G', 'Ninja'] : [];
  const options = ['-DCMAKE_BUILD_TYPE=Release', `-DPATHPRESS_PORTABLE=${portable ? 'ON' : 'OFF'}`, ...cudaOptions()];
  run('cmake', ['-S', native, '-B', build, ...generator, ...options]);
}
const target = portable ? ['--target', 'pathpress_addon'] : [];
run('cmake', ['--build', build, ...target, '--parallel', String(availableParallelism())]);
