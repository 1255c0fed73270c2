/**
 * How GGUF stores numbers: blocks of a fixed count of elements and bytes. A block's values are computed as ggml's
 * dequantize_row_* do it, in double precision, and rounded once to float32, which gives the same float32 values: a
 * product of scale, sub-scale and quant has at most 25 bits, their sums at most 53.
 */
import { half } from '../../engine/half.js';

/** Writes the values of whole blocks, `to.length` of them. */
type Decode = (from: Uint8Array, to: Float32Array) => void;

export interface BlockType {
  name: string;
  /** Elements of a block, and bytes that they take up. */
  elements: number;
  bytes: number;
  /** Absent for types that are known by name only. */
  decode?: Decode;
}

type Block = (from: Uint8Array, at: number, to: Float32Array, out: number) => void;

let halves: Float32Array | undefined;

const word = (from: Uint8Array, at: number): number => from[at] | (from[at + 1] << 8);

/** The 16-bit float at a byte, by a table of all of them. */
function halfAt(from: Uint8Array, at: number): number {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => half(bits));
  return halves[word(from, at)];
}

const signed = (byte: number): number => (byte << 24) >> 24;

/** Sub-block scale or minimum `j` (0 to 7) of the 12 bytes in which K-quants pack eight 6-bit pairs. */
const scaleOf = (from: Uint8Array, at: number, j: number): number =>
  j < 4 ? from[at + j] & 63 : (from[at + j + 4] & 15) | ((from[at + j - 4] >> 6) << 4);
const minimumOf = (from: Uint8Array, at: number, j: number): number =>
  j < 4 ? from[at + j + 4] & 63 : (from[at + j + 4] >> 4) | ((from[at + j] >> 6) << 4);

const q4_0: Block = (from, at, to, out) => {
  const scale = halfAt(from, at);
  for (let i = 0; i < 16; i++) {
    const pair = from[at + 2 + i];
    to[out + i] = ((pair & 15) - 8) * scale;
    to[out + i + 16] = ((pair >> 4) - 8) * scale;
  }
};

const q4_1: Block = (from, at, to, out) => {
  const scale = halfAt(from, at);
  const minimum = halfAt(from, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = from[at + 4 + i];
    to[out + i] = (pair & 15) * scale + minimum;
    to[out + i + 16] = (pair >> 4) * scale + minimum;
  }
};

const fifthBit = (from: Uint8Array, at: number, i: number): number => ((from[at + (i >> 3)] >> (i & 7)) & 1) << 4;

const q5_0: Block = (from, at, to, out) => {
  const scale = halfAt(from, at);
  for (let i = 0; i < 16; i++) {
    const pair = from[at + 6 + i];
    to[out + i] = (((pair & 15) | fifthBit(from, at + 2, i)) - 16) * scale;
    to[out + i + 16] = (((pair >> 4) | fifthBit(from, at + 2, i + 16)) - 16) * scale;
  }
};

const q5_1: Block = (from, at, to, out) => {
  const scale = halfAt(from, at);
  const minimum = halfAt(from, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = from[at + 8 + i];
    to[out + i] = ((pair & 15) | fifthBit(from, at + 4, i)) * scale + minimum;
    to[out + i + 16] = ((pair >> 4) | fifthBit(from, at + 4, i + 16)) * scale + minimum;
  }
};

const q8_0: Block = (from, at, to, out) => {
  const scale = halfAt(from, at);
  for (let i = 0; i < 32; i++) to[out + i] = signed(from[at + 2 + i]) * scale;
};

/** Q4_K, and Q5_K where `fifth` is the byte at which the fifth bits begin. */
function fourOrFiveK(from: Uint8Array, at: number, to: Float32Array, out: number, quants: number, fifth?: number): void {
  const scale = halfAt(from, at);
  const minimum = halfAt(from, at + 2);
  for (let j = 0; j < 8; j++) {
    const step = scale * scaleOf(from, at + 4, j);
    const below = minimum * minimumOf(from, at + 4, j);
    const shift = (j & 1) * 4;
    for (let i = 0; i < 32; i++) {
      const low = (from[at + quants + (j >> 1) * 32 + i] >> shift) & 15;
      const high = fifth === undefined ? 0 : ((from[at + fifth + i] >> j) & 1) << 4;
      to[out + j * 32 + i] = step * (low | high) - below;
    }
  }
}

const q6_k: Block = (from, at, to, out) => {
  const scale = halfAt(from, at + 208);
  for (let part = 0; part < 2; part++) {
    for (let quarter = 0; quarter < 4; quarter++) {
      const low = at + part * 64 + (quarter & 1) * 32;
      const shift = (quarter >> 1) * 4;
      for (let i = 0; i < 32; i++) {
        const high = (from[at + 128 + part * 32 + i] >> (quarter * 2)) & 3;
        const quant = (((from[low + i] >> shift) & 15) | (high << 4)) - 32;
        const step = scale * signed(from[at + 192 + part * 8 + quarter * 2 + (i >> 4)]);
        to[out + part * 128 + quarter * 32 + i] = step * quant;
      }
    }
  }
};

function blocks(name: string, elements: number, bytes: number, block: Block): BlockType {
  const decode: Decode = (from, to) => {
    for (let at = 0, out = 0; out < to.length; at += bytes, out += elements) block(from, at, to, out);
  };
  return { name, elements, bytes, decode };
}

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

// By the number that ggml gives each type.
const supported: Record<number, BlockType> = {
  0: blocks('F32', 1, 4, (from, at, to, out) => {
    bits[0] = word(from, at) | (word(from, at + 2) << 16);
    to[out] = asFloat[0];
  }),
  1: blocks('F16', 1, 2, (from, at, to, out) => (to[out] = halfAt(from, at))),
  2: blocks('Q4_0', 32, 18, q4_0),
  3: blocks('Q4_1', 32, 20, q4_1),
  6: blocks('Q5_0', 32, 22, q5_0),
  7: blocks('Q5_1', 32, 24, q5_1),
  8: blocks('Q8_0', 32, 34, q8_0),
  12: blocks('Q4_K', 256, 144, (from, at, to, out) => fourOrFiveK(from, at, to, out, 16)),
  13: blocks('Q5_K', 256, 176, (from, at, to, out) => fourOrFiveK(from, at, to, out, 48, 16)),
  14: blocks('Q6_K', 256, 210, q6_k),
  30: blocks('BF16', 1, 2, (from, at, to, out) => {
    bits[0] = word(from, at) << 16;
    to[out] = asFloat[0];
  }),
};

// Named so that a refusal can say what the file holds.
const others: Record<number, string> = {
  9: 'Q8_1', 10: 'Q2_K', 11: 'Q3_K', 15: 'Q8_K', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S', 20: 'IQ4_NL',
  21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8', 25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64', 29: 'IQ1_M',
  34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4', 40: 'NVFP4',
};

/** The type of a number in a file; one without `decode` where it is not supported. */
export function blockType(id: number): BlockType {
  if (Object.hasOwn(supported, id)) return supported[id];
  return { name: Object.hasOwn(others, id) ? others[id] : String(id), elements: 1, bytes: 1 };
}
