import { Command, CommanderError } from 'commander';
import { PathPressError } from '../engine/errors.js';
import { analyzeCommand } from './analyze.js';
import { evalCommand } from './eval.js';
import { generateCommand } from './generate.js';
import type { Io } from './io.js';
import { modelCommand } from './model.js';
import { notebookCommand } from './notebook.js';
import { asFlag } from './policy-flags.js';
import { reproduceCommand } from './reproduce.js';
import { sweepCommand } from './sweep.js';
import { addVersion } from './version.js';

/** Adds a command to the program; `done` takes its exit status. */
export type AddCommand = (program: Command, io: Io, done: (status: number) => void) => Command;

// A row a command.
const commands: AddCommand[] = [
  generateCommand,
  analyzeCommand,
  evalCommand,
  sweepCommand,
  modelCommand,
  notebookCommand,
  reproduceCommand,
];

/** Runs the command line; gives the exit status: 0 done, 1 the run failed, 2 bad input, 130 interrupted. */
export async function main(argv: string[], io: Io): Promise<number> {
  let status = 0;
  const program = new Command('pathpress')
    .description('Reasoning Path Compression, measured: generate, analyze, evaluate and draw')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions() // a subcommand's options are its own, though its parent has one of that name
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride();
  addVersion(program, io);
  for (const add of commands) {
    const command = add(program, io, (code) => (status = code));
    for (const one of [command, ...command.commands]) addVersion(one, io);
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    return report(error, io);
  }
}

function report(error: unknown, io: Io): number {
  if (error instanceof CommanderError)
    return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? 0 : 2;
  if (error instanceof PathPressError) {
    const { message, code } = asFlag(error);
    io.err(`error: ${message} (${code})\n`);
    return io.interrupt.aborted && error.exitStatus === 1 ? 130 : error.exitStatus;
  }
  if (io.interrupt.aborted) return 130;
  io.err(
    `error: ${error instanceof Error ? (process.env.PATHPRESS_DEBUG ? error.stack : error.message) : String(error)} (INTERNAL)\n`,
  );
  return 1;
}
