/** Files that appear whole or not at all, also where the power fails: written and flushed beside their place, and moved there. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PathPressError } from './engine/errors.js';
import { makeFolder } from './make-folder.js';

/** A file in the making. Its folder is made; until `keep` nothing stands at `path` but what stood there before. */
class PartialFile {
  readonly partial: string;

  constructor(private readonly path: string) {
    this.partial = `${path}.${process.pid}.part`; // two processes never write into one
  }

  begin(): string {
    // The move would put a file in the place of a device or a pipe: of the terminal itself, for who may.
    if (statSync(this.path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('not a regular file');
    makeFolder(dirname(this.path));
    return this.partial;
  }

  keep(): void {
    renameSync(this.partial, this.path);
    flushFolder(dirname(this.path));
  }

  /** Leaves nothing behind; gives the error to throw, which names the file. */
  drop(cause: unknown): Error {
    try {
      rmSync(this.partial, { force: true });
    } catch {
      // The folder itself cannot be written: what `cause` says already.
    }
    if (cause instanceof PathPressError || (cause as Error).name === 'AbortError') return cause as Error;
    return new PathPressError('WRITE_FAILED', `${this.path}: ${(cause as Error).message}`, { cause });
  }
}

/** A move is on the disk once its folder is. Windows opens no folder, and some file systems flush none. */
function flushFolder(folder: string): void {
  if (process.platform === 'win32') return;
  let opened: number | undefined;
  try {
    opened = openSync(folder, 'r');
    fsyncSync(opened);
  } catch (cause) {
    if (!['EINVAL', 'EPERM', 'EACCES', 'ENOTSUP'].includes((cause as NodeJS.ErrnoException).code!)) throw cause;
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

/**
 * Writes a file; readers see the old one, or all of the new one.
 * @param content the whole, or pieces that are written one after another
 * @throws PathPressError WRITE_FAILED naming the file, or what the pieces throw where that is a PathPressError or an abort
 */
export function writeWhole(path: string, content: string | Uint8Array | Iterable<string>): void {
  const made = new PartialFile(path);
  try {
    const file = openSync(made.begin(), 'w');
    try {
      const pieces = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
      for (const piece of pieces) writeFileSync(file, piece);
      fsyncSync(file); // before the move, which else may reach the disk without what it moves
    } finally {
      closeSync(file);
    }
    made.keep();
  } catch (cause) {
    throw made.drop(cause);
  }
}

/** As `writeWhole`, of what `fill` writes to the path that it is given. */
export async function fillWhole(path: string, fill: (partial: string) => Promise<void>): Promise<void> {
  const made = new PartialFile(path);
  try {
    await fill(made.begin());
    const file = openSync(made.partial, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    made.keep();
  } catch (cause) {
    throw made.drop(cause);
  }
}
