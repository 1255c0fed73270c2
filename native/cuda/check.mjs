// Compiles the CUDA kernels for sm_80, sm_90 and sm_100, prints what ptxas says of each, and fails where one spills or
// where weights or cache are read by less than 16 bytes a lane. No GPU is needed. `npm run cuda-kernels`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLoads, readPtxas } from './ptxas.mjs';

const native = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(native, '..', 'build', 'cuda');
// Widths in bits that kernels may read by: 16 bytes for weights, cache and rows, 4 for lengths and page numbers.
const allowed = { multiplyTiles: [128], attendChunk: [32, 128], sumRows: [32, 64, 128], sumVotes: [32, 64, 128] };

function run(command, args, options = { stdio: 'inherit' }) {
  const { status, stdout, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (status === 0) return stdout;
  console.error(`cuda: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` (exit ${status})`}`);
  process.exit(1);
}

const options = ['-DCMAKE_BUILD_TYPE=Release', '-DPATHPRESS_CUDA=ON', '-DPATHPRESS_CUDA_ARCHITECTURES=80;90;100'];
run('cmake', ['-S', native, '-B', build, ...options], {});
const nvcc = /^PATHPRESS_NVCC:\w+=(.*)$/m.exec(readFileSync(join(build, 'CMakeCache.txt'), 'utf8'))[1];
if (!existsSync(nvcc)) {
  console.error('cuda: nothing compiled, there is no nvcc here. `bash .ci/cuda.sh` brings one into .cache/cuda');
  process.exit(1);
}
run('cmake', ['--build', build, '--target', 'pathpress_cuda', '--parallel', String(availableParallelism())]);

const folder = join(build, 'cuda');
const files = readdirSync(folder);
const ending = (end) => files.filter((file) => file.endsWith(end)).map((file) => join(folder, file));
const rows = ending('.ptxas').flatMap((file) => readPtxas(readFileSync(file, 'utf8')));
const tools = { env: { ...process.env, PATH: `${dirname(nvcc)}:${process.env.PATH}` } };
const loads = new Map(ending('.o').flatMap((file) => [...readLoads(run('cuobjdump', ['-sass', file], tools))]));

let bad = 0;
console.log('kernel               arch    registers  shared  stack  spills  loads (bits × count)');
for (const row of rows) {
  const widths = loads.get(`${row.kernel} ${row.architecture}`) ?? {};
  const may = allowed[row.kernel.replace(/<.*/, '')];
  const narrow = may && !(widths[128] > 0 && Object.keys(widths).every((width) => may.includes(Number(width))));
  const spills = row.spillStores + row.spillLoads;
  const fault = spills > 0 ? '  SPILLS' : narrow ? '  NARROW' : '';
  if (fault) bad += 1;
  const cells = [row.kernel.padEnd(20), row.architecture.padEnd(7), String(row.registers).padStart(9)];
  cells.push(String(row.shared).padStart(7), String(row.stack).padStart(6), String(spills).padStart(7));
  cells.push(` ${Object.entries(widths).map(([width, count]) => `${width} × ${count}`).join(', ')}${fault}`);
  console.log(cells.join(' '));
}
if (rows.length === 0 || bad > 0) {
  console.error(`cuda: ${rows.length} rows, ${bad} with a fault`);
  process.exit(1);
}
