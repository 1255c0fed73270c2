// Compiles the CUDA kernels for sm_80, sm_90 and sm_100, prints what ptxas says of each and how many blocks of it a
// multiprocessor holds, and fails where one spills or where weights or cache are read by less than 16 bytes a lane. No
// GPU is needed. `npm run cuda-kernels`; `-- --json FILE` also keeps it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { occupancy } from './occupancy.mjs';
import { readBounds, readLoads, readPtxas } from './ptxas.mjs';

const { json } = parseArgs({ options: { json: { type: 'string' } } }).values;
const native = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(native, '..', 'build', 'cuda');
// Widths in bits that kernels may read by: 16 bytes for weights, cache and rows, 4 for lengths and page numbers.
const allowed = { multiplyTiles: [128], multiplyBlocks: [128], attendChunk: [32, 128], sumRows: [32, 64, 128], sumVotes: [32, 64, 128] };
// Threads of a block of those that are compiled without launch bounds; joinChunks has one a channel, 128 at most.
const unbounded = {
  joinChunks: 128, joinRows: 128, rankScores: 256, rankAlone: 256, noteEntries: 256, stampUpperHalf: 256, shuffleTenth: 256,
  drawByRank: 256, measureWidths: 256, raiseChosen: 256,
}; // prettier-ignore

function fail(message) {
  console.error(`cuda: ${message}`);
  process.exit(1);
}

function run(command, args, options = { stdio: 'inherit' }) {
  const { status, stdout, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  return status === 0 ? stdout : fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` (exit ${status})`}`);
}

const options = ['-DCMAKE_BUILD_TYPE=Release', '-DPATHPRESS_CUDA=ON', '-DPATHPRESS_CUDA_ARCHITECTURES=80;90;100'];
run('cmake', ['-S', native, '-B', build, ...options], {});
const nvcc = /^PATHPRESS_NVCC:\w+=(.*)$/m.exec(readFileSync(join(build, 'CMakeCache.txt'), 'utf8'))[1];
if (!existsSync(nvcc)) fail('nothing compiled, there is no nvcc here. `bash .ci/cuda.sh` brings one into .cache/cuda');
run('cmake', ['--build', build, '--target', 'pathpress_cuda', '--parallel', String(availableParallelism())]);

const folder = join(build, 'cuda');
const files = readdirSync(folder);
const ending = (end) => files.filter((file) => file.endsWith(end)).sort().map((file) => join(folder, file));
const tools = { env: { ...process.env, PATH: `${dirname(nvcc)}:${process.env.PATH}` } };
const dumped = (read, flag) => new Map(ending('.o').flatMap((file) => [...read(run('cuobjdump', [flag, file], tools))]));
const [loads, bounds] = [dumped(readLoads, '-sass'), dumped(readBounds, '-elf')];
const rows = ending('.ptxas').flatMap((file) => readPtxas(readFileSync(file, 'utf8'))).map((row) => {
  const key = `${row.kernel} ${row.architecture}`, base = row.kernel.replace(/<.*/, '');
  const threads = bounds.get(key) ?? unbounded[base] ?? fail(`${key}: no launch bounds, and no threads of a block here`);
  const widths = loads.get(key) ?? {};
  const isNarrow = base in allowed && !(widths[128] > 0 && Object.keys(widths).every((width) => allowed[base].includes(Number(width))));
  const fault = row.spillStores + row.spillLoads > 0 ? 'SPILLS' : isNarrow ? 'NARROW' : undefined;
  return { ...row, threads, occupancy: occupancy({ ...row, threads }), loads: widths, ...(fault && { fault }) };
});

console.log('kernel               arch    registers  shared  spills  threads  blocks  warps of 64 (limit)  loads (bits × count)');
for (const { kernel, architecture, registers, shared, spillStores, spillLoads, threads, occupancy: held, loads: widths, fault } of rows) {
  const cells = [kernel.padEnd(20), architecture.padEnd(7), String(registers).padStart(9), String(shared).padStart(7)];
  cells.push(String(spillStores + spillLoads).padStart(7), String(threads).padStart(8), String(held.blocks).padStart(7));
  cells.push(` ${`${held.warps} (${held.limit})`.padEnd(20)}${Object.entries(widths).map(([width, count]) => `${width} × ${count}`).join(', ')}`);
  console.log(`${cells.join(' ')}${fault ? `  ${fault}` : ''}`);
}
const bad = rows.filter(({ fault }) => fault).length;
if (rows.length === 0 || bad > 0) fail(`${rows.length} rows, ${bad} with a fault`);

if (json) {
  const version = /release [\d.]+, V([\d.]+)/.exec(run(nvcc, ['--version'], {}))?.[1];
  const head = { name: 'gpu-kernels', command: 'npm run cuda-kernels -- --json data/records/gpu-kernels.json', nvcc: version };
  const lines = Object.entries({ ...head, made: new Date().toISOString().slice(0, 10) }).map(([key, value]) => `"${key}": ${JSON.stringify(value)}`);
  writeFileSync(json, `{\n${lines.join(',\n')},\n"kernels": [\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n}\n`);
}
