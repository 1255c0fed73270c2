import { writeSync } from 'node:fs';

/** Where a command writes, and how it hears of Ctrl-C. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Where bars of progress are drawn; none where absent. */
  progress?: NodeJS.WriteStream;
  /** Aborts at the first Ctrl-C, or where the reader of the output has gone; a command then keeps what it has and ends with 130. */
  interrupt: AbortSignal;
  /** Whether nobody reads the output any more. */
  unread?(): boolean;
}

/** The terminal: a second Ctrl-C ends the process at once; where the reader has gone the rest is silence. */
export function terminal(): Io {
  const interrupt = new AbortController();
  let unread = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) return die(signal);
      writeSync(2, '\ninterrupted: keeping what is done (again to stop at once)\n');
      interrupt.abort();
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      unread = true;
      return interrupt.abort();
    }
    process.stderr.write(`error: standard output: ${error.message} (WRITE_FAILED)\n`, () => process.exit(1));
  });
  process.stderr.on('error', () => process.exit(1));
  return {
    out: (text) => void (unread || process.stdout.write(text)),
    err: (text) => void process.stderr.write(text),
    progress: process.stderr,
    interrupt: interrupt.signal,
    unread: () => unread,
  };
}

/** By the signal itself: an exit would wait for a thread that waits for a pipe. */
function die(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
