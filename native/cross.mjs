// Compiles the engine and its add-on for 64-bit ARM where a cross compiler is at hand, and runs the kernels' test there
// where qemu's user emulation is. `npm test` calls it; what is skipped is said.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));
const build = join(native, '..', 'build', 'aarch64');
const compiler = 'aarch64-linux-gnu-g++';
const tests = ['kernels_test', 'products_test', 'attention_test', 'analysis_test'];

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`aarch64: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` (exit ${status})`}`);
  process.exit(1);
}

function skip(what, missing, packages) {
  console.log(`aarch64: SKIPPED ${what}: no ${missing} here (Debian, Ubuntu: apt install ${packages})`);
  process.exit(0);
}

if (!works(compiler)) skip('compiling and testing the NEON kernels', compiler, 'g++-aarch64-linux-gnu');
if (!['build.ninja', 'Makefile'].some((file) => existsSync(join(build, file)))) {
  const generator = works('ninja') ? ['-G', 'Ninja'] : [];
  const target = ['-DCMAKE_SYSTEM_NAME=Linux', '-DCMAKE_SYSTEM_PROCESSOR=aarch64', `-DCMAKE_CXX_COMPILER=${compiler}`];
  run('cmake', ['-S', native, '-B', build, ...generator, ...target, '-DCMAKE_BUILD_TYPE=Release']);
}
run('cmake', ['--build', build, '--target', 'pathpress_addon', ...tests, '--parallel', String(availableParallelism())]);
const emulator = ['qemu-aarch64', 'qemu-aarch64-static'].find(works);
if (!emulator) skip('running the NEON kernels (they compile)', 'qemu-aarch64', 'qemu-user-static');
for (const test of tests) run(emulator, ['-L', '/usr/aarch64-linux-gnu', join(build, test)]);
console.log(`aarch64: the add-on compiles, ${tests.join(' and ')} passed under ${emulator}`);
