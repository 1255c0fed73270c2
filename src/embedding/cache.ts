import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../make-folder.js';
import { packageRoot } from '../package.js';
import type { Embedder } from './embedder.js';

/** Where embeddings are kept unless told otherwise; git ignores it. */
export const embeddingCache = join(packageRoot, '.cache', 'embeddings');

const keyBytes = 16;
const checkBytes = 8;
/** Sentences embedded before they are written: what a crash can cost. */
const flushEvery = 256;

/**
 * Keeps an embedder's vectors on disk by content. Every process appends fixed-size records (key, vector, checksum) to a
 * file of its own and reads those of all; a record cut short by a crash, damaged, or in a file that cannot be read, is a
 * miss. A folder that cannot be written costs time, not results: a warning is emitted once.
 */
export function withCache(inner: Embedder, folder = embeddingCache): Embedder {
  const store = new RecordStore(join(folder, inner.id), inner.dim);
  return {
    name: inner.name,
    id: inner.id,
    dim: inner.dim,
    embed: async (sentences, onProgress) => {
      const { dim } = inner;
      const rowsOf = new Map<string, number[]>(); // each distinct sentence once
      sentences.forEach((sentence, row) => {
        const rows = rowsOf.get(sentence);
        if (rows) rows.push(row);
        else rowsOf.set(sentence, [row]);
      });
      const vectors = new Float32Array(sentences.length * dim); // (sentences, dim)
      const place = (sentence: string, vector: Float32Array): void => {
        for (const row of rowsOf.get(sentence)!) vectors.set(vector, row * dim);
      };
      const missing: string[] = [];
      for (const sentence of rowsOf.keys()) {
        const found = store.get(keyOf(sentence));
        if (found) place(sentence, found);
        else missing.push(sentence);
      }
      let done = sentences.length - missing.length;
      onProgress?.(done);
      // Neighbours in length share a batch, so what is flushed together should be of one length.
      missing.sort((a, b) => a.length - b.length);
      for (let from = 0; from < missing.length; from += flushEvery) {
        const part = missing.slice(from, from + flushEvery);
        const made = await inner.embed(part, (within) => onProgress?.(done + within));
        part.forEach((sentence, i) => place(sentence, made.subarray(i * dim, (i + 1) * dim)));
        store.append(part.map(keyOf), made);
        done += part.length;
      }
      return vectors;
    },
    dispose: async () => {
      store.close();
      await inner.dispose();
    },
  };
}

function keyOf(sentence: string): Buffer {
  return createHash('sha256').update(sentence).digest().subarray(0, keyBytes);
}

class RecordStore {
  readonly #recordBytes: number;
  readonly #places = new Map<string, { file: number; at: number }>();
  readonly #files: number[] = [];
  #own: number | undefined;
  #ownBytes = 0;
  #writable = true;

  constructor(
    private readonly folder: string,
    private readonly dim: number,
  ) {
    this.#recordBytes = keyBytes + 4 * dim + checkBytes;
    let names: string[] = [];
    try {
      names = readdirSync(folder).filter((name) => name.endsWith('.bin'));
    } catch {
      return; // nothing cached yet
    }
    for (const name of names) {
      try {
        this.#index(openSync(join(folder, name), 'r'));
      } catch {
        // Removed since it was listed, or not for this user to read: its records are misses.
      }
    }
  }

  #index(file: number): void {
    this.#files.push(file);
    const records = Math.floor(fstatSync(file).size / this.#recordBytes);
    const atOnce = 512;
    const bytes = Buffer.alloc(atOnce * this.#recordBytes);
    for (let from = 0; from < records; from += atOnce) {
      readSync(file, bytes, 0, bytes.length, from * this.#recordBytes);
      for (let i = 0; i < Math.min(atOnce, records - from); i++) {
        const key = bytes.toString('latin1', i * this.#recordBytes, i * this.#recordBytes + keyBytes);
        this.#places.set(key, { file, at: (from + i) * this.#recordBytes });
      }
    }
  }

  get(key: Buffer): Float32Array | undefined {
    const place = this.#places.get(key.toString('latin1'));
    if (!place) return undefined;
    const record = Buffer.alloc(this.#recordBytes);
    try {
      readSync(place.file, record, 0, record.length, place.at);
    } catch {
      return undefined; // a disk's failure costs time, too
    }
    const body = record.subarray(0, record.length - checkBytes);
    if (!checksum(body).equals(record.subarray(record.length - checkBytes))) return undefined;
    return Float32Array.from({ length: this.dim }, (_, k) => body.readFloatLE(keyBytes + 4 * k));
  }

  append(keys: Buffer[], vectors: Float32Array): void {
    if (!this.#writable) return;
    const records = keys.map((key, row) => {
      const vector = Buffer.alloc(4 * this.dim);
      for (let k = 0; k < this.dim; k++) vector.writeFloatLE(vectors[row * this.dim + k], 4 * k);
      const body = Buffer.concat([key, vector]);
      return Buffer.concat([body, checksum(body)]);
    });
    try {
      const file = this.#ownFile();
      const written = writeSync(file, Buffer.concat(records));
      if (written !== records.length * this.#recordBytes) throw new Error(`only ${written} bytes written`);
      for (const key of keys) {
        this.#places.set(key.toString('latin1'), { file, at: this.#ownBytes });
        this.#ownBytes += this.#recordBytes;
      }
    } catch (cause) {
      this.#writable = false;
      process.emitWarning(`embeddings are not cached in ${this.folder}: ${(cause as Error).message}`);
    }
  }

  #ownFile(): number {
    if (this.#own !== undefined) return this.#own;
    makeFolder(this.folder);
    const unique = `${Date.now().toString(36)}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    this.#own = openSync(join(this.folder, `${unique}.bin`), 'ax+');
    this.#files.push(this.#own);
    return this.#own;
  }

  close(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
    this.#places.clear();
    this.#writable = false;
    this.#own = undefined;
  }
}

function checksum(body: Buffer): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, checkBytes);
}
