/** The tensors of a checkpoint as they are stored: where they lie, and their values a part at a time. */
import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { PathPressError } from '../engine/errors.js';
import { bfloat16, half } from '../engine/half.js';
import { parseJson } from '../json-file.js';

/** A tensor in a file that is open; it begins at byte `from`. */
export interface Source {
  name: string;
  dtype: 'F32' | 'F16' | 'BF16';
  shape: number[];
  file: FileHandle;
  path: string;
  from: number;
  bytes: number;
}

const entrySchema = z.object({
  dtype: z.enum(['F32', 'F16', 'BF16']),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/** So many bytes from a place. @throws PathPressError BAD_TENSOR where the file ends before */
export async function readBytes({ file, path }: { file: FileHandle; path: string }, bytes: number, from: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await file.read(buffer, at, bytes - at, from + at);
    if (bytesRead === 0) throw new PathPressError('BAD_TENSOR', `${path}: ends at byte ${from + at}, of ${from + bytes} that are needed`);
    at += bytesRead;
  }
  return buffer;
}

/** All that a safetensors file's header names, held against the file's size. @throws PathPressError BAD_TENSOR, BAD_JSON naming the file */
export async function readSources(path: string, file: FileHandle): Promise<Source[]> {
  const refuse = (what: string): never => {
    throw new PathPressError('BAD_TENSOR', `${path}: ${what}`);
  };
  const { size } = await file.stat();
  const headerBytes = Number((await readBytes({ file, path }, 8, 0)).readBigUInt64LE(0));
  if (headerBytes > Math.min(size - 8, 1e8)) refuse(`a header of ${headerBytes} bytes in a file of ${size}`);
  const header = parseJson((await readBytes({ file, path }, headerBytes, 8)).toString('utf8'), path);
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return refuse('its header is no JSON object');
  return Object.entries(header).flatMap(([name, value]) => {
    if (name === '__metadata__') return [];
    const entry = entrySchema.safeParse(value);
    if (!entry.success) return refuse(`tensor "${name}" is not F32, F16 or BF16 with a shape and offsets`);
    const { dtype, shape, data_offsets: [from, to] } = entry.data;
    const bytes = shape.reduce((a, b) => a * b, dtype === 'F32' ? 4 : 2);
    if (to - from !== bytes || 8 + headerBytes + to > size) refuse(`tensor "${name}": offsets ${from} to ${to} do not fit`);
    return [{ name, dtype, shape, file, path, from: 8 + headerBytes + from, bytes }];
  });
}

/** @throws PathPressError BAD_TENSOR where two shards hold a tensor of one name: which of them counts is not said */
export function refuseTwins(sources: readonly Source[]): void {
  const byName = new Map<string, Source>();
  for (const source of sources) {
    const twin = byName.get(source.name);
    if (twin) throw new PathPressError('BAD_TENSOR', `tensor "${source.name}" stands in ${twin.path} and in ${source.path}`);
    byName.set(source.name, source);
  }
}

/** @throws PathPressError BAD_FILE naming a shard that is not there; none stays open then */
export async function openAll(paths: readonly string[]): Promise<FileHandle[]> {
  const files: FileHandle[] = [];
  try {
    for (const path of paths) files.push(await open(path));
  } catch (cause) {
    for (const file of files) await file.close();
    throw new PathPressError('BAD_FILE', `${paths[files.length]}: ${(cause as Error).message}`, { cause });
  }
  return files;
}

/** Values of every 16-bit pattern. */
const tables = {
  F16: new Float32Array(65536).map((_, bits) => half(bits)),
  BF16: new Float32Array(65536).map((_, bits) => bfloat16(bits)),
};

/** Little-endian values of a stored type. */
export function toFloats(bytes: Buffer, dtype: Source['dtype']): Float32Array {
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return dtype === 'F32' ? new Float32Array(copy) : Float32Array.from(new Uint16Array(copy), (bits) => tables[dtype][bits]);
}
