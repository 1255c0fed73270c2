/** Writes model.safetensors from the tensors of a GGUF file, a few rows at a time. */
import { open } from 'node:fs/promises';
import { PathPressError } from '../../engine/errors.js';
import { isFiniteBf16, toBf16 } from '../../engine/half.js';
import type { GgufFile } from './file.js';
import type { Move } from './plan.js';

/**
 * `exact` rounds nothing: F16 and BF16 stay as they are, everything else becomes float32, in which every value of every
 * supported block type can be held. `bf16` halves the bytes and rounds to the nearest bfloat16 (ties to even).
 */
export type Weights = 'exact' | 'bf16';

type StoredType = 'F32' | 'F16' | 'BF16';

const chunkElements = 1 << 20;

interface Target {
  move: Move;
  type: StoredType;
  bytes: number;
}

function target(move: Move, weights: Weights): Target {
  const { from } = move;
  const elements = (from.bytes / from.type.bytes) * from.type.elements;
  const kept = from.type.name === 'F16' ? 'F16' : from.type.name === 'BF16' ? 'BF16' : 'F32';
  const type = weights === 'bf16' ? 'BF16' : kept;
  return { move, type, bytes: elements * (type === 'F32' ? 4 : 2) };
}

/** Length of the header, the header: JSON padded with spaces to a multiple of 8. */
function header(targets: Target[]): Buffer {
  let at = 0;
  const entries: [string, object][] = [['__metadata__', { format: 'pt' }]];
  for (const { move, type, bytes } of targets) {
    entries.push([move.name, { dtype: type, shape: move.from.shape, data_offsets: [at, (at += bytes)] }]);
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  json.copy(padded, 8);
  return padded;
}

export interface Moved {
  tensors: number;
  bytes: number;
  types: Partial<Record<StoredType, number>>;
}

/**
 * @param onTensor called before each tensor; what it throws ends the import
 * @throws BAD_WEIGHTS where a tensor holds NaN or infinity, BAD_FILE (source), WRITE_FAILED (target)
 */
export async function writeTensors(
  path: string,
  file: GgufFile,
  moves: Move[],
  weights: Weights,
  onTensor: (done: number, total: number) => void,
): Promise<Moved> {
  const targets = moves.map((move) => target(move, weights));
  const failed = (cause: Error): never => {
    throw new PathPressError('WRITE_FAILED', `${path}: ${cause.message}`, { cause });
  };
  const out = await open(path, 'wx').catch(failed);
  try {
    const write = (bytes: Uint8Array) => out.writeFile(bytes).catch(failed);
    await write(header(targets));
    for (const [done, one] of targets.entries()) {
      onTensor(done, targets.length);
      for await (const bytes of converted(one, file)) await write(bytes);
    }
  } finally {
    await out.close();
  }
  const types: Moved['types'] = {};
  for (const { type } of targets) types[type] = (types[type] ?? 0) + 1;
  return { tensors: targets.length, bytes: targets.reduce((sum, { bytes }) => sum + bytes, 0), types };
}

async function* converted({ move, type }: Target, file: GgufFile): AsyncGenerator<Uint8Array> {
  const { from, pairedHead } = move;
  const { elements, bytes, decode } = from.type;
  const isVector = from.shape.length === 1;
  const rowElements = isVector ? 1 : from.shape[1];
  const rowBytes = (rowElements / elements) * bytes;
  const step = pairedHead || Math.max(1, Math.floor(chunkElements / rowElements));
  for (let row = 0; row < from.shape[0]; row += step) {
    const rows = Math.min(step, from.shape[0] - row);
    let raw = new Uint8Array(rows * rowBytes);
    await file.read(raw, from.begin + row * rowBytes);
    if (pairedHead) raw = unpaired(raw, rows, rowBytes);
    const values = new Float32Array(rows * rowElements);
    decode!(raw, values);
    if (!values.every(Number.isFinite)) throw notFinite(file, move);
    if (type === from.type.name) yield raw;
    else if (type === 'F32') yield new Uint8Array(values.buffer);
    else yield rounded(values, file, move);
  }
}

const notFinite = (file: GgufFile, { from }: Move): PathPressError =>
  new PathPressError('BAD_WEIGHTS', `${file.path}: tensor "${from.name}" holds NaN, infinity or what becomes it`);

/** A head's rows as Hugging Face orders them: first of each pair, then second of each pair. */
function unpaired(rows: Uint8Array, count: number, rowBytes: number): Uint8Array<ArrayBuffer> {
  const ordered = new Uint8Array(rows.length);
  for (let row = 0; row < count; row++) {
    const source = row < count / 2 ? 2 * row : 2 * (row - count / 2) + 1;
    ordered.set(rows.subarray(source * rowBytes, (source + 1) * rowBytes), row * rowBytes);
  }
  return ordered;
}

function rounded(values: Float32Array, file: GgufFile, move: Move): Uint8Array {
  const words = toBf16(values);
  if (!words.every(isFiniteBf16)) throw notFinite(file, move);
  return new Uint8Array(words.buffer);
}
