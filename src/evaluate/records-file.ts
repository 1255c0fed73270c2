import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { decodeUtf8 } from '../json-file.js';
import { refuseBusy, RunLock, type LockOptions } from '../run-lock.js';
import { checkSettings, parseRecord, recordStart, type EvalRecord, type EvalSettings } from './record.js';

/**
 * Records of a file that `evaluate` wrote, in its order; a last line that a kill cut short is left out.
 * @throws PathPressError BAD_FILE (also where there is none), BAD_UTF8, BAD_JSON or RECORD_MISMATCH, naming file and line
 */
export function readRecords(path: string): EvalRecord[] {
  return readWhole(path, false).records;
}

/** The same of a file that nobody may have begun yet: none where there is none. @throws as `readRecords` */
export function recordsSoFar(path: string): EvalRecord[] {
  return readWhole(path, true).records;
}

/** A record as a line of its file. */
export const recordLine = (record: EvalRecord): string => `${JSON.stringify(record)}\n`;

/**
 * A JSONL file of records that many runs may extend, one after the other: it only ever grows by whole lines, each flushed
 * to the disk.
 */
export class RecordsFile {
  readonly records: EvalRecord[];
  readonly #path: string;
  readonly #shared: LockOptions | undefined;
  #lock: RunLock | undefined;
  #size: number; // of the whole lines: what lies beyond was torn by a kill, and is cut off before the first append
  #file: number | null = null;

  /**
   * Reads what other runs left; nothing is written before the first `append`.
   * @param guarded where the caller sees to it that no other run extends the file; else a lock stands beside it meanwhile
   * @throws PathPressError BUSY where another run extends it; BAD_FILE, BAD_UTF8, BAD_JSON, or RECORD_MISMATCH where a
   *   record has other settings or stands twice.
   */
  constructor(path: string, settings: EvalSettings, { guarded = false } = {}) {
    this.#path = path;
    this.#shared = guarded ? undefined : { name: `${basename(path)}.running.json`, what: path };
    if (this.#shared) refuseBusy(dirname(path), this.#shared);
    const { records, size } = readWhole(path, true);
    const seen = new Set<string>();
    records.forEach((record, i) => {
      const where = `${path} line ${i + 1}`;
      checkSettings(record, settings, where);
      const key = `${record.problem} ${record.sample}`;
      if (seen.has(key))
        throw new PathPressError(
          'RECORD_MISMATCH',
          `${where}: problem ${record.problem}, sample ${record.sample} stands twice`,
        );
      seen.add(key);
    });
    this.records = records;
    this.#size = size;
  }

  /**
   * @throws PathPressError WRITE_FAILED where the disk takes no more: the file then ends with the last whole record; BUSY
   *   where another run has extended the file, which then stays as it is
   */
  append(record: EvalRecord): void {
    const line = Buffer.from(recordLine(record));
    this.#lock?.check();
    this.#file ??= this.#open();
    try {
      for (let at = 0; at < line.length;) at += writeSync(this.#file, line, at);
      fdatasyncSync(this.#file);
    } catch (cause) {
      this.#cut();
      throw new PathPressError('WRITE_FAILED', `${this.#path}: ${(cause as Error).message}`, { cause });
    }
    this.#size += line.length;
    this.records.push(record);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    this.#lock?.remove();
    this.#lock = undefined;
  }

  #open(): number {
    let file: number | undefined;
    try {
      file = openSync(this.#path, 'a+');
      if (this.#shared) this.#lock ??= new RunLock(dirname(this.#path), this.#shared);
      const beyond = Buffer.alloc(Math.max(0, fstatSync(file).size - this.#size));
      readSync(file, beyond, 0, beyond.length, this.#size);
      if (beyond.includes(0x0a)) throw new PathPressError('BUSY', `${this.#path}: another run has extended it since it was read`);
      if (beyond.length > 0) ftruncateSync(file, this.#size);
      return file;
    } catch (cause) {
      if (file !== undefined) closeSync(file);
      if (cause instanceof PathPressError) throw cause;
      throw new PathPressError('WRITE_FAILED', `${this.#path}: ${(cause as Error).message}`, { cause });
    }
  }

  #cut(): void {
    try {
      if (this.#file !== null) ftruncateSync(this.#file, this.#size);
    } catch {
      // A torn line stays; the next run finds and cuts it.
    }
  }
}

function readWhole(path: string, mayLack: boolean): { records: EvalRecord[]; size: number } {
  const bytes = read(path, mayLack);
  const size = bytes.lastIndexOf(0x0a) + 1;
  const torn = bytes.subarray(size, size + recordStart.length).toString('latin1');
  if (!recordStart.startsWith(torn)) {
    throw new PathPressError(
      'RECORD_MISMATCH',
      `${path}: its last line is no record of an evaluation: ${JSON.stringify(torn)}…`,
    );
  }
  const lines = decodeUtf8(bytes.subarray(0, size), path).split('\n').slice(0, -1);
  return { records: lines.map((line, i) => parseRecord(line, `${path} line ${i + 1}`)), size };
}

function read(path: string, mayLack: boolean): Buffer {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new PathPressError('BAD_FILE', `${path}: not a regular file`);
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof PathPressError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && mayLack) return Buffer.alloc(0);
    throw new PathPressError('BAD_FILE', `${path}: cannot be read (${code})`, { cause });
  }
}
