import type { Command } from 'commander';
import type { Io } from './io.js';
import { addModelImport } from './model-import.js';
import { addModelQuantize } from './model-quantize.js';
import { addModelPlan } from './model-plan.js';
import { oneOf, text } from './values.js';

interface FetchFlags {
  out?: string;
  json?: boolean;
}

export function modelCommand(program: Command, io: Io, done: (status: number) => void): Command {
  const command = program.command('model').description('weights that do not come with the project').helpCommand(false);
  command
    .command('fetch')
    .description('download weights at a pinned revision, and check them; the only command that uses the network')
    .argument('<NAME>', 'minilm: the sentence embedder all-MiniLM-L6-v2 (91 MB, Apache-2.0)', oneOf('minilm'))
    .option('--out <DIR>', 'where to (default: where analyze and the notebooks look)', text)
    .option('--json', 'print one JSON object')
    .action(async (name: 'minilm', flags: FetchFlags) => done(await fetchModel(name, flags, io)));
  addModelImport(command, io, done);
  addModelQuantize(command, io, done);
  addModelPlan(command, io, done);
  return command;
}

async function fetchModel(name: 'minilm', { out, json }: FetchFlags, io: Io): Promise<number> {
  const { fetchMiniLm } = await import('../embedding/fetch-minilm.js');
  const { ProgressBar } = await import('./progress.js');
  const bar = new ProgressBar(`${name}, MB`, io.progress);
  const started = performance.now();
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  const onProgress = (done: number, total: number) => {
    const rate = done / 1e6 / ((performance.now() - started) / 1000);
    bar.update(megabytes(done), megabytes(total), `${rate.toFixed(1)} MB/s`);
  };
  const folder = await fetchMiniLm(out, { onProgress, signal: io.interrupt }).finally(() => bar.stop());
  io.out(json ? `${JSON.stringify({ name, folder })}\n` : `${folder}\n`);
  if (out !== undefined) io.err(`note: use it by --embedder-path ${out}, or PATHPRESS_MINILM=${out}\n`);
  return 0;
}
