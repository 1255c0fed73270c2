import { PathPressError } from '../engine/errors.js';
import { bfloat16, half } from '../engine/half.js';

export interface Tensor {
  shape: number[];
  values: Float64Array;
}

const readers: Record<string, { bytes: number; read: (view: DataView, at: number) => number }> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => half(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: (view, at) => bfloat16(view.getUint16(at, true)) },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  I64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
};

/**
 * The tensors of a small safetensors file, as doubles. (Models go through the native engine; this reads embedders.)
 * @throws BAD_WEIGHTS for a header that is truncated or lies, BAD_TENSOR for a tensor that does, naming both
 */
export function readTensors(bytes: Buffer, file: string): Record<string, Tensor> {
  const headerBytes = bytes.length < 8 ? -1 : Number(bytes.readBigUInt64LE(0));
  if (headerBytes < 2 || headerBytes > bytes.length - 8) {
    throw new PathPressError('BAD_WEIGHTS', `${file}: a header of ${headerBytes} bytes in a file of ${bytes.length}`);
  }
  let header: Record<string, { dtype?: unknown; shape?: unknown; data_offsets?: unknown }>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + headerBytes)));
  } catch (cause) {
    throw new PathPressError('BAD_WEIGHTS', `${file}: the header is not JSON: ${(cause as Error).message}`, { cause });
  }
  const data = bytes.subarray(8 + headerBytes);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors[name] = readTensor(data, entry, `${file}: tensor "${name}"`);
  }
  return tensors;
}

function readTensor(
  data: Buffer,
  entry: { dtype?: unknown; shape?: unknown; data_offsets?: unknown } | null,
  place: string,
): Tensor {
  const { dtype, shape, data_offsets: offsets } = entry ?? {};
  const reader = Object.hasOwn(readers, String(dtype)) ? readers[String(dtype)] : undefined;
  if (!reader)
    throw new PathPressError(
      'BAD_TENSOR',
      `${place}: type ${String(dtype)} is not one of ${Object.keys(readers).join(', ')}`,
    );
  if (
    !Array.isArray(shape) ||
    !Array.isArray(offsets) ||
    ![...shape, ...offsets].every((x) => Number.isSafeInteger(x) && x >= 0)
  ) {
    throw new PathPressError('BAD_TENSOR', `${place}: shape or offsets are not whole numbers`);
  }
  const [from, to] = offsets as number[];
  const count = (shape as number[]).reduce((product, size) => product * size, 1);
  if (to > data.length || to - from !== count * reader.bytes) {
    throw new PathPressError(
      'BAD_TENSOR',
      `${place}: bytes ${from} to ${to} of ${data.length} for ${count} values of ${reader.bytes} bytes`,
    );
  }
  const view = new DataView(data.buffer, data.byteOffset + from, to - from);
  const values = Float64Array.from({ length: count }, (_, i) => reader.read(view, i * reader.bytes));
  return { shape: shape as number[], values };
}
