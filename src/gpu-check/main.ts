/**
 * `npm run gpu-check`: builds, holds every operation on the GPU against the CPU engine, and measures kernels, decode steps
 * and compressions with random weights of a 7B model's shape made on the GPU. No checkpoint is needed.
 */
import { join } from 'node:path';
import { program } from '../cli/program.js';
import { oneOf, repeated, text } from '../cli/values.js';
import { PathPressError } from '../engine/errors.js';
import { decodeUtf8, readBytes } from '../json-file.js';
import { checkedOut, packageRoot, version } from '../package.js';
import { writeWhole } from '../whole-file.js';
import { parseLine, readOperations, type Line } from './lines.js';
import { makeRecord, reportedRates } from './record.js';
import { run } from './run.js';
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

/** One of the two programs that need a GPU: their exit 2, there is none (they have said so), ends the check likewise. */
async function runOnGpu(name: 'gpu_tests' | 'gpu_bench', args: string[], onLine: (line: string) => void): Promise<void> {
  if ((await run(join(build, 'cuda', name), args, onLine, [0, 2])) === 2) process.exit(2);
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

const textOf = async (place: string): Promise<string> => decodeUtf8(await readBytes(place), place);

async function measured(flags: Flags): Promise<{ lines: Line[]; tests: string }> {
  if (flags.from !== undefined) {
    const place = join(flags.from, 'bench.jsonl');
    const lines = (await textOf(place)).split('\n').filter(Boolean);
    return { lines: lines.map((text, i) => parseLine(text, `${place}:${i + 1}`)), tests: await textOf(join(flags.from, 'tests.txt')) };
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
    await runOnGpu('gpu_tests', ['all'], (line) => {
      tests.push(line);
      if (!line.startsWith('operation ')) say(line);
    });
  }
  if (flags.part.length === 0 || asked.length > 0) await runOnGpu('gpu_bench', asked, keep);
  return { lines, tests: tests.join('\n') };
}

async function check(flags: Flags): Promise<void> {
  const beside = (['json', 'from'] as const).find((name) => flags[name] !== undefined);
  if (flags.part.length > 0 && beside) throw new PathPressError('BAD_FLAG', `--${beside} ${flags[beside]}: not with --part, of which no record is made`);
  const { lines, tests } = await measured(flags);
  if (flags.part.length > 0) return; // its figures were printed as they came
  const record = makeRecord(lines, readOperations(tests), reportedRates(), { date: new Date().toISOString(), commit: checkedOut(), engine: version });
  const place = flags.json ?? join(packageRoot, 'data', 'records', 'gpu', `${record.device.replaceAll(/[^A-Za-z0-9]+/g, '-')}.json`);
  if (!flags.emulated || flags.json !== undefined) {
    writeWhole(place, `${JSON.stringify(record, null, 1)}\n`);
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
      // Of input alone: that a run on a GPU failed must not pass for there being none.
      const isInput = error instanceof PathPressError && (error.code === 'BAD_FLAG' || flags.from !== undefined);
      process.exitCode = isInput ? error.exitStatus : 1;
    }),
  )
  .parseAsync();
