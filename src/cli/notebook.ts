import type { Command } from 'commander';
import { PathPressError } from '../engine/errors.js';
import type { Io } from './io.js';
import { text, whole } from './values.js';

interface NotebookFlags {
  timeout: number;
  save: boolean;
  json?: boolean;
}

export function notebookCommand(program: Command, io: Io, done: (status: number) => void): Command {
  const command = program.command('notebook').description('notebooks without Jupyter').helpCommand(false);
  command
    .command('run')
    .description('run notebooks headless through the tslab kernel, and save their outputs into them')
    .argument('<FILE...>', 'notebooks (.ipynb), run in this order')
    .option('--timeout <SECONDS>', 'a cell may take', whole(1, 2_000_000), 600)
    .option('--no-save', 'leave the files as they are')
    .option('--json', 'print one JSON object')
    .action(async (files: string[], flags: NotebookFlags) => done(await run(files, flags, io)));
  command
    .command('install-kernel')
    .description('register the TypeScript kernel (tslab) with Jupyter and VS Code')
    .option('--prefix <DIR>', "a Python environment's folder; the user's own Jupyter folder if left out", text)
    .option('--force', "replace another program's kernel of that name")
    .option('--json', 'print one JSON object')
    .action(async ({ json, ...flags }: { prefix?: string; force?: boolean; json?: boolean }) => {
      const { installKernel } = await import('../notebook/install-kernel.js');
      const file = await installKernel(flags);
      io.out(json ? `${JSON.stringify({ file })}\n` : `${file}\n`);
      done(0);
    });
  return command;
}

async function run(files: string[], { timeout, save, json }: NotebookFlags, io: Io): Promise<number> {
  const other = files.find((file) => !text(file).endsWith('.ipynb'));
  if (other) throw new PathPressError('BAD_FILE', `${other}: not a notebook (.ipynb)`);
  const { runNotebooks } = await import('../notebook/runner.js');
  const { duration } = await import('./progress.js');
  const notebooks = await runNotebooks(files, {
    timeout,
    save,
    signal: io.interrupt,
    onProgress: ({ notebook, cell, cells, seconds }) =>
      io.err(`${notebook}: cell ${cell} of ${cells}, ${duration(seconds)}\n`),
  });
  if (json) io.out(`${JSON.stringify({ notebooks })}\n`);
  else
    for (const { notebook, cells, seconds } of notebooks)
      io.out(`${notebook}: ${cells} cells in ${duration(seconds)}\n`);
  return 0;
}
