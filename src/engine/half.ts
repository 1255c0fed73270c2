/** The value of a 16-bit IEEE float (binary16), given as its bits. */
export function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction
          ? Number.NaN
          : Number.POSITIVE_INFINITY
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** The value of a bfloat16, given as its bits. */
export function bfloat16(bits: number): number {
  floatBits[0] = bits << 16;
  return float[0];
}

/** Bits of the nearest bfloat16 of each value, ties to even; what is not finite, or becomes so, has all exponent bits (`0x7f80`). */
export function toBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (one) => {
    const rounded = (one + 0x7fff + ((one >>> 16) & 1)) >>> 16;
    return (one & 0x7f800000) === 0x7f800000 ? (one >>> 16) | 0x7f80 : rounded;
  });
}

export const isFiniteBf16 = (bits: number): boolean => (bits & 0x7f80) !== 0x7f80;
