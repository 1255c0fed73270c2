import type { Command } from 'commander';
import { PathPressError } from '../engine/errors.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import { drawsLots } from '../policies/settle.js';
import type { Io } from './io.js';
import { neverFired } from './never-fired.js';
import { checkWritable } from './output-file.js';
import { addRunFlags, settleRun, type RunFlags } from './run-flags.js';
import { oneOf, text, whole } from './values.js';

interface EvalFlags extends RunFlags {
  task: string;
  out: string;
  split: 'tune' | 'test';
  problems: number;
  samplesPerProblem: number;
  batch?: number;
  json?: boolean;
}

export function evalCommand(program: Command, io: Io, done: (status: number) => void): Command {
  const command = program.command('eval').description('run a task under a cache policy: pass@1, one record a sample');
  return addRunFlags(command)
    .requiredOption('--task <NAME>', 'the benchmark: loops, chains or passcode', text)
    .requiredOption('--out <FILE>', 'records, JSONL; a run that was stopped goes on where it was', text)
    .option('--split <NAME>', 'tune or test', oneOf('tune', 'test'), 'tune')
    .option('--problems <N>', 'the first N problems', whole(1), 200)
    .option('--samples-per-problem <K>', 'samples of each problem', whole(1), 1)
    .option('--batch <B>', 'samples in flight at once; changes no sample (default: 16; 64 for a model above 32 MB or on a GPU)', whole(1, 4096))
    .option('--json', 'print one JSON object')
    .action(async (flags: EvalFlags) => done(await evaluation(flags, io)));
}

async function evaluation(flags: EvalFlags, io: Io): Promise<number> {
  const { tasks } = await import('../tasks/registry.js');
  const task = Object.hasOwn(tasks, flags.task) ? tasks[flags.task] : undefined;
  if (!task)
    throw new PathPressError(
      'BAD_FLAG',
      `--task ${flags.task}: no such task; there are ${Object.keys(tasks).join(', ')}`,
    );
  const run = await settleRun(flags, io);
  if (flags.samplesPerProblem > 1 && run.sampling.temperature === 0 && !drawsLots(run.policy))
    throw new PathPressError('BAD_FLAG', `--samples-per-problem ${flags.samplesPerProblem}: with --temperature 0 every sample of a problem is the same`);
  checkWritable('--out', flags.out);
  const { loadTokenizer } = await import('../tokenizer/tokenizer.js');
  const tokenizer = await loadTokenizer(run.model);
  const { openEngine } = await import('../engine/engine.js');
  const { evaluate } = await import('../evaluate/evaluate.js');
  const { ProgressBar } = await import('./progress.js');
  const engine = await openEngine(run.engine);
  const bar = new ProgressBar(`${task.name} ${run.policy.name}`, io.progress);
  const started = performance.now();
  try {
    const result = await evaluate(engine, tokenizer, task, {
      ...run,
      stop: { strings: run.stop, ids: run.stopIds },
      cache: flags.cache,
      split: flags.split,
      problems: flags.problems,
      samplesPerProblem: flags.samplesPerProblem,
      batch: flags.batch,
      out: flags.out,
      signal: io.interrupt,
      onProgress: ({ done, total, tokens }) =>
        bar.update(done, total, `${(tokens / ((performance.now() - started) / 1000)).toFixed(0)} tokens/s`),
    });
    bar.stop();
    print(result, flags, io);
    if ('budget' in run.policy && result.records.length > 0 && result.records.every(({ compressions }) => compressions === 0))
      io.err(neverFired(run.policy, `${result.records.length} samples`));
    return result.interrupted ? 130 : 0;
  } finally {
    bar.stop();
    engine.dispose();
  }
}

function print({ records, interrupted, ...summary }: Evaluation, flags: EvalFlags, io: Io): void {
  if (interrupted)
    io.err(`interrupted: ${records.length} samples are in ${flags.out}; the same command goes on from there\n`);
  const { passAt1, samples, problems, meanEntries, peakEntries, meanTokens, finished, lookups } = summary;
  // Of no sample there is no figure.
  if (flags.json) return io.out(`${JSON.stringify(samples > 0 ? summary : { problems, samples })}\n`);
  if (samples === 0) return;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  io.out(
    `pass@1   ${percent(passAt1.mean)} [${percent(passAt1.low)}, ${percent(passAt1.high)}] of ${samples} samples, ${problems} problems\n`,
  );
  io.out(`entries  ${meanEntries.toFixed(1)} on average, ${peakEntries} at most\n`);
  io.out(`tokens   ${meanTokens.toFixed(0)} on average; ${percent(finished)} finished\n`);
  if (lookups) io.out(`look-ups ${lookups.right} of ${lookups.total} made were right\n`);
}
