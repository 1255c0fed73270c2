import { Command } from 'commander';

/** A program of its own beside the command line: a flag that it refuses ends it with status 2, as there. */
export function program(name: string): Command {
  return new Command(name).exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}
