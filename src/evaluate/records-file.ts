import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { PathPressError } from '../engine/errors.js';
import { decodeUtf8 } from '../json-file.js';
import { checkSettings, parseRecord, recordStart, type EvalRecord, type EvalSettings } from './record.js';

/**
 * Records of a file that `evaluate` wrote, in its order; a last line that a kill cut short is left out.
 * @throws PathPressError BAD_FILE, BAD_UTF8, BAD_JSON or RECORD_MISMATCH, naming file and line
 */
export function readRecords(path: string): EvalRecord[] {
  return readWhole(path).records;
}

/** A record as a line of its file. */
export const recordLine = (record: EvalRecord): string => `${JSON.stringify(record)}\n`;

/** A JSONL file of records that many runs may extend: it only ever grows by whole lines, each flushed to the disk. */
export class RecordsFile {
  readonly records: EvalRecord[];
  readonly #path: string;
  #size: number; // of the whole lines: what lies beyond was torn by a kill, and is cut off before the first append
  #file: number | null = null;

  /**
   * Reads what other runs left; nothing is written before the first `append`.
   * @throws PathPressError BAD_FILE, BAD_UTF8, BAD_JSON, or RECORD_MISMATCH where a record has other settings or stands twice.
   */
  constructor(path: string, settings: EvalSettings) {
    this.#path = path;
    const { records, size } = readWhole(path);
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

  /** @throws PathPressError WRITE_FAILED where the disk takes no more: the file then ends with the last whole record. */
  append(record: EvalRecord): void {
    const line = Buffer.from(recordLine(record));
    try {
      this.#file ??= this.#open();
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
  }

  #open(): number {
    const file = openSync(this.#path, 'a');
    if (fstatSync(file).size > this.#size) ftruncateSync(file, this.#size);
    return file;
  }

  #cut(): void {
    try {
      if (this.#file !== null) ftruncateSync(this.#file, this.#size);
    } catch {
      // A torn line stays; the next run finds and cuts it.
    }
  }
}

function readWhole(path: string): { records: EvalRecord[]; size: number } {
  const bytes = read(path);
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

function read(path: string): Buffer {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new PathPressError('BAD_FILE', `${path}: not a regular file`);
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof PathPressError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return Buffer.alloc(0);
    throw new PathPressError('BAD_FILE', `${path}: cannot be read (${code})`, { cause });
  }
}
