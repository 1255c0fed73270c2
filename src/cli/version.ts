import { CommanderError, type Command } from 'commander';
import { versions } from '../engine/engine.js';
import { PathPressError } from '../engine/errors.js';
import { version } from '../package.js';
import type { Io } from './io.js';

/** Gives the command `--version`; not commander's own, which would load the engine for its SIMD level at every start. */
export function addVersion(command: Command, io: Io): void {
  command.option('--version', 'print the version, and what the engine runs on');
  command.on('option:version', () => {
    io.out(`${version}\n${engineLine()}\n`);
    throw new CommanderError(0, 'commander.version', version);
  });
}

function engineLine(): string {
  try {
    const { engine, simd, whyNoCuda } = versions();
    return `engine ${engine}, simd ${simd}, cuda ${whyNoCuda === undefined ? 'yes' : `no (${whyNoCuda})`}`;
  } catch (error) {
    if (error instanceof PathPressError) return `engine missing: ${error.message} (${error.code})`;
    throw error;
  }
}
