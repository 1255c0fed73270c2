import type { Command } from 'commander';
import type { Reproduction } from '../reproduce/reproduce.js';
import type { TimeLeft as Left } from '../reproduce/time-left.js';
import type { Io } from './io.js';

interface ReproduceFlags {
  fresh?: boolean;
  json?: boolean;
}

export function reproduceCommand(program: Command, io: Io, done: (status: number) => void): Command {
  return program
    .command('reproduce')
    .description('run every notebook, write every figure')
    .option('--fresh', 'make every record anew: says first how long that takes')
    .option('--json', 'print one JSON object')
    .action(async (flags: ReproduceFlags) => done(await run(flags, io)));
}

async function run({ fresh = false, json }: ReproduceFlags, io: Io): Promise<number> {
  const { freshSeconds, reproduce } = await import('../reproduce/reproduce.js');
  const { TimeLeft } = await import('../reproduce/time-left.js');
  const { duration, ProgressBar } = await import('./progress.js');
  if (fresh) {
    const seconds = [...(await freshSeconds()).values()].reduce((sum, one) => sum + one, 0);
    const time =
      seconds > 0
        ? `took ${duration(seconds)} where the committed ones were made`
        : 'takes a time that no committed record tells';
    io.err(`making every record anew that can be made here ${time}; a run that is stopped goes on where it was\n`);
  }
  const bar = new ProgressBar('reproduce', io.progress);
  const now = (): number => performance.now() / 1000;
  let left: Left | undefined;
  let [total, where] = [0, ''];
  const show = (): void => {
    if (!left) return;
    const { done, secondsLeft } = left.at(now());
    bar.update(Math.floor((100 * done) / total), 100, where, secondsLeft);
  };
  const ticking = setInterval(show, 1000);
  try {
    const made = await reproduce({
      fresh,
      signal: io.interrupt,
      onProgress: ({ notebook, cellsDone, cells, work }) => {
        ({ total } = work);
        left ??= new TimeLeft(total, now());
        left.begin(work.done, work.cell, now());
        where = `${notebook} · cell ${Math.min(cellsDone + 1, cells)} of ${cells}`;
        show();
      },
    });
    bar.stop();
    if (json) io.out(`${JSON.stringify(made)}\n`);
    else io.out(await tables(made));
    if (made.older.length) io.err(`note: not written by this run: ${made.older.join(', ')}\n`);
    return 0;
  } finally {
    clearInterval(ticking);
    bar.stop();
  }
}

async function tables({ notebooks, figures, headlines, seconds }: Reproduction): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const { showHeadline } = await import('../reproduce/headline.js');
  const { duration } = await import('./progress.js');
  const style = { head: [], border: [] };
  const made = new Table({ head: ['figure', 'formats', 'KB'], colAligns: ['left', 'left', 'right'], style });
  for (const { name, formats, bytes } of figures) made.push([name, formats.join(' '), (bytes / 1000).toFixed(0)]);
  const numbers = new Table({ head: ['notebook', 'headline', 'value', 'note'], style });
  for (const { notebook, rows } of headlines) {
    for (const row of rows) numbers.push([notebook, row.label, showHeadline(row), row.note ?? '']);
  }
  const total = figures.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const summary = `${notebooks.length} notebooks, ${figures.length} figures (${total.toFixed(1)} MB in figures/) in ${duration(seconds)}`;
  return `${made.toString()}\n${numbers.toString()}\n${summary}\n`;
}
