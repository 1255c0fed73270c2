/**
 * `npm run gpu-check`: builds, holds every operation on the GPU against the CPU engine, and measures kernels, decode steps
 * and compressions with random weights of a 7B model's shape made on the GPU. No checkpoint is needed.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { program } from '../cli/program.js';
import { oneOf, repeated, text } from '../cli/values.js';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import { writeWhole } from '../whole-file.js';
import { parseLine, readOperations, type Line } from './lines.js';
import { makeRecord, reportedRates } from './record.js';
import { recordTables } from './table.js';

const build = join(packageRoot, 'build', 'gpu');
const parts = ['ceilings', 'products', 'attention', 'rest', 'steps', 'compression'];

interface Flags {
  part: string[];
  largest: boolean;
  json?: string;
  from?: string;
  emulated: boolean;
}

/** Its lines as they come. @throws PathPressError INTERNAL where it fails; exit 2, no GPU, ends the check likewise */
async function run(command: string, args: string[], onLine: (line: string) => void): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (cause) => reject(new PathPressError('INTERNAL', `${command}: ${cause.message}`, { cause })));
    child.once('close', (code) => resolve(code ?? 1));
  });
  try {
    for await (const line of createInterface({ input: child.stdout })) onLine(line);
  } catch (error) {
    child.kill(); // nobody reads on
    throw error;
  }
  const code = await ended;
  if (code === 2) process.exit(2);
  if (code !== 0) throw new PathPressError('INTERNAL', `${command} ${args.join(' ')} failed (exit ${code})`);
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function buildPrograms(): Promise<void> {
  say('gpu-check: building for this GPU');
  const architectures: string[] = [];
  await run('nvidia-smi', ['--query-gpu=compute_cap', '--format=csv,noheader'], (line) => architectures.push(line.trim().replace('.', ''))).catch(
    () => say('gpu-check: nvidia-smi does not answer; kernels are built for all architectures'),
  );
  const chosen = architectures[0] ? [`-DPATHPRESS_CUDA_ARCHITECTURES=${architectures[0]}`] : [];
  await run('cmake', ['-S', join(packageRoot, 'native'), '-B', build, '-DCMAKE_BUILD_TYPE=Release', '-DPATHPRESS_CUDA=ON', ...chosen], () => undefined);
  await run('cmake', ['--build', build, '--parallel', '--target', 'pathpress_gpu_bench', 'pathpress_gpu_tests'], () => undefined);
}

async function measured(flags: Flags): Promise<{ lines: Line[]; tests: string }> {
  if (flags.from !== undefined) {
    const place = join(flags.from, 'bench.jsonl');
    const lines = (await readFile(place, 'utf8')).split('\n').filter(Boolean);
    return { lines: lines.map((text, i) => parseLine(text, `${place}:${i + 1}`)), tests: await readFile(join(flags.from, 'tests.txt'), 'utf8') };
  }
  const lines: Line[] = [];
  const tests: string[] = [];
  const keep = (text: string): void => {
    lines.push(parseLine(text, `line ${lines.length + 1} of gpu_bench`));
    say(text);
  };
  const asked = [...flags.part.filter((part) => part !== 'operations'), ...(flags.largest ? [...(flags.part.length ? [] : parts), 'largest'] : [])];
  if (flags.emulated) {
    await run(join(packageRoot, 'build', 'native', 'cuda_bench_emulated'), ['--shape', 'tiny', ...parts, 'largest'], keep);
    return { lines, tests: '' };
  }
  await buildPrograms();
  if (flags.part.length === 0 || flags.part.includes('operations')) {
    say('gpu-check: operations against the CPU engine');
    await run(join(build, 'cuda', 'gpu_tests'), ['all'], (line) => {
      tests.push(line);
      if (!line.startsWith('operation ')) say(line);
    });
  }
  if (flags.part.length === 0 || asked.length > 0) await run(join(build, 'cuda', 'gpu_bench'), asked, keep);
  return { lines, tests: tests.join('\n') };
}

async function check(flags: Flags): Promise<void> {
  const { lines, tests } = await measured(flags);
  if (flags.part.length > 0) return; // its figures were printed as they came
  const record = makeRecord(lines, readOperations(tests), reportedRates(), new Date().toISOString());
  const place = flags.json ?? join(packageRoot, 'data', 'records', 'gpu', `${record.device.replaceAll(/[^A-Za-z0-9]+/g, '-')}.json`);
  if (!flags.emulated || flags.json !== undefined) {
    await mkdir(dirname(place), { recursive: true });
    await writeWhole(place, `${JSON.stringify(record, null, 1)}\n`);
    say(`gpu-check: ${place}`);
  }
  console.log(recordTables(record));
}

await program('gpu-check')
  .description('the GPU against the CPU engine, operation by operation, and its speed against its own ceilings')
  .option('--part <NAME>', 'some of it (repeatable); operations for the tests alone', repeated(oneOf('operations', ...parts)), [])
  .option('--largest', 'also the largest batch that the card has room for, full and under RPC', false)
  .option('--json <FILE>', 'where the record of a whole run goes, instead of data/records/gpu/<device>.json', text)
  .option('--from <FOLDER>', 'measures nothing: bench.jsonl and tests.txt of a run elsewhere are read', text)
  .option('--emulated', 'tiny shapes, by the host: that the whole runs to its end, no figure of a GPU', false)
  .action((flags: Flags) =>
    check(flags).catch((error: Error) => {
      console.error(`gpu-check: ${error.message}`);
      process.exitCode = 1;
    }),
  )
  .parseAsync();
