import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * A folder and those above it, where they are not there. Node's own recursive mkdir never returns where a parent takes no
 * folder but says that there is none (/proc).
 * @throws the system's error (ENOENT, EACCES, EEXIST, ENOTDIR, ...) of the first that cannot be made
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    try {
      mkdirSync(folder);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause; // another process may have made it
    }
  }
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) mkdirSync(path); // says what is in the way
}
