/**
 * Writes a checkpoint of fewer bits: matrices in int8 with a scale a row, a quarter of float32's bytes, or every tensor in
 * bfloat16, half of them, which processors with a dot product of it multiply twice as fast.
 */
import { copyFile, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { findWeightFiles, int8Rows, readConfig } from '../engine/checkpoint.js';
import { PathPressError } from '../engine/errors.js';
import { isFiniteBf16, toBf16 } from '../engine/half.js';
import { readJson } from '../json-file.js';
import { makeFolder } from '../make-folder.js';
import { checkFree, writing } from './gguf/import.js';
import { openAll, readBytes, readSources, refuseTwins, toFloats, type Source } from './stored-tensors.js';

export interface QuantizeOptions {
  /** A folder in Hugging Face layout with weights in F32, F16 or BF16. */
  model: string;
  /** The folder to make; it must not exist, or be empty. */
  out: string;
  /** Default 8. */
  bits?: 8 | 16;
  signal?: AbortSignal;
  /** Called before each tensor. */
  onProgress?: (done: number, total: number) => void;
}

export interface QuantizeReport {
  out: string;
  /** Of them all, and of those that have fewer bits now. */
  tensors: number;
  quantized: number;
  bytesBefore: number;
  bytesAfter: number;
}

/** Matrices of products; embeddings are looked up, not multiplied, and stay as they are (as what is tied to them does). */
const isMatrix = ({ name, shape }: Source): boolean => shape.length === 2 && name.endsWith('.weight') && !/embed/.test(name);

/**
 * A row's nearest whole numbers, -127 to 127, and what they are to be multiplied by.
 * Symmetric: zero stays zero, and the largest weight is at the end of the range.
 */
export function quantizeRow(row: Float32Array, to: Int8Array): number {
  let largest = 0;
  for (const value of row) largest = Math.max(largest, Math.abs(value)); // NaN and infinity stay
  const scale = Math.fround(largest / 127);
  for (let i = 0; i < row.length; i++) to[i] = scale === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(row[i] / scale)));
  return scale;
}

function readRows(source: Source, first: number, rows: number): Promise<Buffer> {
  const rowBytes = source.bytes / source.shape[0];
  return readBytes(source, rows * rowBytes, source.from + first * rowBytes);
}

type Write = (bytes: Uint8Array) => Promise<void>;

const notFinite = ({ path, name }: Source): PathPressError =>
  new PathPressError('BAD_WEIGHTS', `${path}: tensor "${name}" holds NaN, infinity or what becomes it`);

/** The matrix in int8, a few rows at a time into `write`; its scales. */
async function quantizeMatrix(source: Source, write: Write): Promise<Float32Array> {
  const [rows, cols] = source.shape;
  const scales = new Float32Array(rows);
  const step = Math.max(1, Math.floor((1 << 22) / Math.max(1, cols)));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const values = toFloats(await readRows(source, first, count), source.dtype);
    const whole = new Int8Array(values.length);
    for (let r = 0; r < count; r++) {
      const at = r * cols;
      scales[first + r] = quantizeRow(values.subarray(at, at + cols), whole.subarray(at, at + cols));
      if (!Number.isFinite(scales[first + r])) throw notFinite(source);
    }
    await write(new Uint8Array(whole.buffer));
  }
  return scales;
}

const mostCopied = 1 << 24; // bytes at once

async function roundTensor(source: Source, write: Write): Promise<null> {
  for (let at = 0; at < source.bytes; at += mostCopied) {
    const bytes = await readBytes(source, Math.min(mostCopied, source.bytes - at), source.from + at);
    const words = toBf16(toFloats(bytes, source.dtype));
    if (!words.every(isFiniteBf16)) throw notFinite(source);
    await write(new Uint8Array(words.buffer));
  }
  return null;
}

interface Format {
  dtype: 'I8' | 'BF16';
  elementBytes: number;
  /** Whether a float32 a row of each tensor stands beside it. */
  scaled: boolean;
  changes: (source: Source) => boolean;
  /** Writes a tensor in its new form; returns its scales. */
  change: (source: Source, write: Write) => Promise<Float32Array | null>;
  /** What config.json says of it. */
  config: Record<string, unknown>;
}

const formats: Record<8 | 16, Format> = {
  8: {
    dtype: 'I8',
    elementBytes: 1,
    scaled: true,
    changes: isMatrix,
    change: quantizeMatrix,
    config: { quantization_config: int8Rows },
  },
  16: {
    dtype: 'BF16',
    elementBytes: 2,
    scaled: false,
    changes: ({ dtype }) => dtype !== 'BF16',
    change: roundTensor,
    config: { torch_dtype: 'bfloat16', dtype: undefined },
  },
};

/** Scales first, then what stays, float32 before shorter floats, then what is new: each lies on a multiple of its own size. */
async function writeWeights(path: string, sources: Source[], format: Format, options: QuantizeOptions): Promise<number> {
  const changed = sources.filter(format.changes);
  const kept = sources.filter((source) => !format.changes(source));
  kept.sort((a, b) => Number(b.dtype === 'F32') - Number(a.dtype === 'F32'));
  const entries: [string, object][] = [['__metadata__', { format: 'pt' }]];
  let at = 0;
  const place = (name: string, dtype: string, shape: number[], bytes: number): void =>
    void entries.push([name, { dtype, shape, data_offsets: [at, (at += bytes)] }]);
  if (format.scaled) for (const { name, shape } of changed) place(`${name}_scale`, 'F32', [shape[0]], 4 * shape[0]);
  const scaleBytes = at;
  for (const { name, dtype, shape, bytes } of kept) place(name, dtype, shape, bytes);
  for (const { name, shape } of changed) place(name, format.dtype, shape, shape.reduce((a, b) => a * b, format.elementBytes));
  const json = JSON.stringify(Object.fromEntries(entries));
  const header = Buffer.from(json.padEnd(Math.ceil((json.length + 8) / 64) * 64 - 8));
  const out = await writing(path, () => open(path, 'wx'));
  try {
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(BigInt(header.length));
    let done = 0;
    const next = (): void => {
      options.signal?.throwIfAborted();
      options.onProgress?.(done++, sources.length);
    };
    let to = 0;
    const writeAt = async (bytes: Uint8Array, place: number): Promise<void> => {
      let written = 0;
      while (written < bytes.length) {
        written += (await writing(path, () => out.write(bytes, written, bytes.length - written, place + written))).bytesWritten;
      }
    };
    const write = async (bytes: Uint8Array): Promise<void> => {
      await writeAt(bytes, to);
      to += bytes.length;
    };
    await write(start);
    await write(header);
    let scaleAt = to;
    to += scaleBytes;
    for (const source of kept) {
      next();
      for (let at = 0; at < source.bytes; at += mostCopied) {
        await write(await readBytes(source, Math.min(mostCopied, source.bytes - at), source.from + at));
      }
    }
    for (const source of changed) {
      next();
      const scales = await format.change(source, write);
      if (!scales) continue;
      await writeAt(new Uint8Array(scales.buffer), scaleAt);
      scaleAt += scales.byteLength;
    }
  } finally {
    await out.close();
  }
  return at;
}

/**
 * The folder appears whole or not at all. Everything but weights and config.json is copied as it stands.
 * @throws BAD_FILE, BAD_JSON, BAD_CONFIG (quantized already, or nothing to do), BAD_TENSOR, BAD_WEIGHTS, WRITE_FAILED; what the signal was
 *   aborted with
 */
export async function quantizeModel(options: QuantizeOptions): Promise<QuantizeReport> {
  const { model, out } = options;
  const format = formats[options.bits ?? 8];
  await checkFree(out);
  const configPath = join(model, 'config.json');
  const config = (await readJson(configPath)) as Record<string, unknown>;
  readConfig(config, configPath);
  if (config.quantization_config != null) throw new PathPressError('BAD_CONFIG', `${configPath}: the weights are quantized already`);
  const paths = await findWeightFiles(model);
  const files = await openAll(paths);
  const partial = `${resolve(out)}.${process.pid}.part`;
  try {
    const sources = (await Promise.all(files.map((file, i) => readSources(paths[i], file)))).flat();
    refuseTwins(sources);
    if (!sources.some(format.changes)) throw new PathPressError('BAD_CONFIG', `${model}: no tensor is to be ${format.dtype} that is not`);
    await writing(partial, async () => makeFolder(partial));
    const bytesAfter = await writeWeights(join(partial, 'model.safetensors'), sources, format, options);
    await writing(partial, async () => {
      await writeFile(join(partial, 'config.json'), `${JSON.stringify({ ...config, ...format.config }, null, 1)}\n`);
      const skipped = ['config.json', 'model.safetensors.index.json', ...paths.map((path) => basename(path))];
      for (const name of await readdir(model)) {
        const from = join(model, name); // in a cache of Hugging Face's every file is a link
        if (!skipped.includes(name) && (await stat(from)).isFile()) await copyFile(from, join(partial, name));
      }
      await rename(partial, out);
    });
    const bytesBefore = sources.reduce((sum, { bytes }) => sum + bytes, 0);
    return { out, tensors: sources.length, quantized: sources.filter(format.changes).length, bytesBefore, bytesAfter };
  } finally {
    await rm(partial, { recursive: true, force: true });
    for (const file of files) await file.close();
  }
}
