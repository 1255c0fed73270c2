import { writeSync } from 'node:fs';

/** Where a command writes, and how it hears of Ctrl-C. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Where bars of progress are drawn; none where absent. */
  progress?: NodeJS.WriteStream;
  /** Aborts at the first Ctrl-C; a command then keeps what it has and ends with 130. */
  interrupt: AbortSignal;
}

/** The terminal: a second Ctrl-C ends the process at once; a reader that has gone ends it silently. */
export function terminal(): Io {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(130);
      writeSync(2, '\ninterrupted: keeping what is done (again to stop at once)\n');
      interrupt.abort();
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`error: standard output: ${error.message} (WRITE_FAILED)\n`, () => process.exit(1));
  });
  process.stderr.on('error', () => process.exit(1));
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    progress: process.stderr,
    interrupt: interrupt.signal,
  };
}
