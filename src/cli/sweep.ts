import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { PathPressError } from '../engine/errors.js';
import { defaultBatch } from '../evaluate/batch.js';
import type { Crew } from '../sweep/crew.js';
import type { SweepEstimate } from '../sweep/estimate.js';
import type { SweepPlan } from '../sweep/plan.js';
import { mostShards, type Shard } from '../sweep/shard.js';
import type { Io } from './io.js';
import { addSweepMerge } from './sweep-merge.js';
import { addSweepStatus } from './sweep-status.js';
import { text, whole } from './values.js';

interface SweepFlags {
  out?: string;
  shard?: Shard;
  workers?: number;
  threads?: number;
  batch?: number;
  extend?: boolean;
  check?: boolean;
  json?: boolean;
}

export function sweepCommand(program: Command, io: Io, done: (status: number) => void): Command {
  const command = program
    .command('sweep')
    .description('run every model, task, policy and seed of a sweep file; a run that was stopped goes on where it was')
    .enablePositionalOptions()
    .helpCommand(false)
    .argument('<FILE>', 'a sweep file, JSON: see README')
    .option('--out <DIR>', 'the sweep’s folder: manifest.json, and cells/ with the records of each cell', text)
    .option('--shard <I/N>', 'run the I-th of N parts, from 1 on; needs nothing of the others', shardOf)
    .option('--workers <W>', 'worker processes, one engine each (default: a core each; one in all for a model above 32 MB)', whole(1, 1024))
    .option('--threads <T>', 'threads of each worker (default: the cores, shared out)', whole(1, 1024))
    .option(
      '--batch <B>',
      `samples in flight at once in a worker; changes no sample (default: ${defaultBatch} shared out, at least 4; 64 for a model above 32 MB or on a GPU)`,
      whole(1, 4096),
    )
    .option('--extend', 'go on with a folder whose file has grown since: more problems, samples, policies, seeds, tasks or models')
    .option('--check', 'check the file, say size and time, and run nothing')
    .option('--json', 'print one JSON object')
    .action(async (file: string, flags: SweepFlags) => done(await sweep(file, flags, io)));
  addSweepMerge(command, io, done);
  addSweepStatus(command, io, done);
  return command;
}

function shardOf(text: string): Shard {
  const [, index, of] = (/^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? []).map(Number);
  if (index !== undefined && of !== undefined && index >= 1 && index <= of && of <= mostShards) return { index, of };
  throw new InvalidArgumentError(`It must be I/N with I from 1 to N, and N at most ${mostShards}.`);
}

async function sweep(file: string, { out, shard = undefined, extend, check, json, ...crew }: SweepFlags, io: Io): Promise<number> {
  if (out === undefined) throw new PathPressError('BAD_FLAG', '--out is missing: the folder of the sweep');
  const { planSweep } = await import('../sweep/plan.js');
  const { estimateSweep } = await import('../sweep/estimate.js');
  const { crewOf } = await import('../sweep/crew.js');
  const { checkSweepFolder } = await import('../sweep/folder.js');
  const { refuseBusy } = await import('../run-lock.js');
  const plan = await planSweep(file, shard ?? null, io.interrupt);
  await checkSweepFolder(out, plan.manifest, extend);
  if (!check) refuseBusy(out);
  const estimate = await estimateSweep(plan, { out, ...crew, signal: io.interrupt });
  io.err(await opening(plan, estimate, crewOf(crew, plan.load)));
  if (check) {
    if (json) io.out(`${JSON.stringify({ name: plan.manifest.sweep.name, ...plan.size, estimate })}\n`);
    return 0;
  }
  const { runSweep } = await import('../sweep/run.js');
  const { ProgressBar } = await import('./progress.js');
  const bar = new ProgressBar(plan.manifest.sweep.name, io.progress);
  const started = performance.now();
  const run = await runSweep(plan, {
    out,
    extend,
    ...crew,
    signal: io.interrupt,
    onProgress: ({ done, total, tokens }) =>
      bar.update(done, total, `${(tokens / ((performance.now() - started) / 1000)).toFixed(0)} tokens/s`),
  }).finally(() => bar.stop());
  const { done, total, ran, seconds, interrupted } = run;
  if (interrupted) io.err(`interrupted: ${done} of ${total} samples are in ${out}; the same command goes on from there\n`);
  if (json) io.out(`${JSON.stringify({ name: plan.manifest.sweep.name, cells: plan.size.cells, ...run })}\n`);
  else io.out(`${done} of ${total} samples in ${out}, ${ran} of them by this run in ${seconds.toFixed(1)} s\n`);
  return interrupted ? 130 : 0;
}

async function opening({ manifest, size }: SweepPlan, { seconds, how }: SweepEstimate, { workers, threads }: Crew): Promise<string> {
  const { duration } = await import('./progress.js');
  const { shard, sweep } = manifest;
  const part = shard ? `${sweep.name}, shard ${shard.index}/${shard.of}` : sweep.name;
  const counts = `${size.cells} cells, ${size.problems} problems, ${size.samples} samples, ${size.tokensAtMost} tokens at most`;
  const crew = `${workers} worker${workers > 1 ? 's' : ''} of ${threads} thread${threads > 1 ? 's' : ''}`;
  return `${part}: ${counts}; ${crew}; about ${duration(seconds)} (${how})\n`;
}
