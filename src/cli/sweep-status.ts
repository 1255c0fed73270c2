import type { Command } from 'commander';
import type { Interval } from '../analysis/statistics.js';
import { PathPressError } from '../engine/errors.js';
import type { SweepStatus } from '../sweep/status.js';
import type { SweepSummary } from '../sweep/summary.js';
import type { Io } from './io.js';
import { repeated, text } from './values.js';

interface StatusFlags {
  summary?: boolean;
  contrast?: string[];
  json?: boolean;
}

export function addSweepStatus(parent: Command, io: Io, done: (status: number) => void): void {
  parent
    .command('status')
    .description('say what of a sweep is done, what is left, how fast it goes and how long it will take')
    .argument('<DIR>', 'the folder of a sweep, or one that holds its shards')
    .option('--summary', 'accuracy, length and bytes of each arm, from what is recorded')
    .option('--contrast <A,B>', 'with --summary: accuracy of arm A less that of arm B on the same problems (repeatable)', repeated(text))
    .option('--json', 'print one JSON object')
    .action(async (folder: string, flags: StatusFlags) => {
      await status(folder, flags, io);
      done(0);
    });
}

async function status(folder: string, { summary, contrast = [], json }: StatusFlags, io: Io): Promise<void> {
  if (contrast.length && !summary) throw new PathPressError('BAD_FLAG', `--contrast ${contrast[0]} means something with --summary only`);
  const { statusOf, sweepFolders } = await import('../sweep/status.js');
  const folders = sweepFolders(folder);
  const state = await statusOf(folders);
  if (!summary) return io.out(json ? `${JSON.stringify(state)}\n` : await statusText(state));
  const { summarizeSweep } = await import('../sweep/summary.js');
  const pairs = contrast.map(pairOf);
  const numbers = await summarizeSweep(folders, pairs);
  io.out(json ? `${JSON.stringify({ ...state, summary: numbers })}\n` : (await statusText(state)) + (await summaryText(numbers, pairs)));
}

function pairOf(text: string): [string, string] {
  const names = text.split(',').map((name) => name.trim());
  if (names.length !== 2 || names.includes('') || names[0] === names[1]) throw new PathPressError('BAD_FLAG', `--contrast ${text}: must be two different arms with a comma between`);
  return names as [string, string];
}

async function statusText(state: SweepStatus): Promise<string> {
  const { duration } = await import('./progress.js');
  const { name, grewAfter, cells, samples, running, samplesPerSecond, tokensPerSecond, secondsLeft, missingShards, parts } = state;
  const lines = [`${name}: ${samples.done} of ${samples.total} samples, ${cells.done} of ${cells.total} cells done; ${running ? 'running' : 'not running'}`];
  if (samplesPerSecond !== null) {
    const left = secondsLeft === null ? 'time left unknown' : `${duration(secondsLeft)} left`;
    lines.push(`${samplesPerSecond.toFixed(2)} samples/s, ${tokensPerSecond!.toFixed(0)} tokens/s${running ? '' : ' in the last run'}; ${left}`);
  }
  for (const { folder, shard, done, total, running: works } of parts) {
    if (shard) lines.push(`shard ${shard.index}/${shard.of}: ${done} of ${total}${works ? ', running' : ''} (${folder})`);
  }
  if (grewAfter.length) lines.push(`its file grew after ${grewAfter.join(', ')} samples: an interval holds only where nobody looked before asking for more`);
  if (missingShards.length) lines.push(`not begun: shard ${missingShards.join(', ')} of ${parts[0]!.shard!.of}`);
  return `${lines.join('\n')}\n`;
}

async function summaryText({ complete, arms, contrasts }: SweepSummary, pairs: readonly [string, string][]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const style = { head: [], border: [] };
  const hundredths = ({ mean, low, high }: Interval): string => {
    const [middle, from, to] = [mean, low, high].map((share) => (100 * share).toFixed(1));
    return `${middle} [${from}, ${to}]`;
  };
  const head = ['model', 'task', 'arm', 'samples', 'problems', 'accuracy', 'tokens', 'mean kB', 'peak kB', 'stop/length'];
  const table = new Table({ head, style });
  for (const a of arms) {
    const kilobytes = [a.meanBytes, a.peakBytes].map((bytes) => (bytes / 1000).toFixed(1));
    table.push([
      a.model, `${a.task} ${a.split}`, a.complete ? a.arm : `${a.arm} *`, a.samples, a.problems, `${hundredths(a.accuracy)} %`, a.meanTokens.toFixed(0), ...kilobytes, `${a.finish.stop}/${a.finish.length}`,
    ]); // prettier-ignore
  }
  const note = complete ? '' : '* not complete: what ends early is recorded early, and figures lean to short samples\n';
  const silent = pairs.filter(([a, b]) => !contrasts.some(({ arms }) => arms[0] === a && arms[1] === b));
  const first = `${table.toString()}\n${note}${silent.map(([a, b]) => `${a} − ${b}: no problem yet of which both have all samples, of any model and task\n`).join('')}`;
  if (contrasts.length === 0) return first;
  const differences = new Table({ head: ['model', 'task', 'contrast', 'problems', 'difference'], style });
  for (const { model, task, split, arms: [a, b], difference } of contrasts)
    differences.push([model, `${task} ${split}`, `${a} − ${b}`, difference.pairs, `${hundredths(difference)} points`]);
  return `${first}${differences.toString()}\n`;
}
