/** Reads the head of a GGUF file front to back: no read goes past the end, and an error names file and place. */
import { PathPressError } from '../../engine/errors.js';

export class Cursor {
  /** What is being read, for messages: `key "general.name"`. */
  place = 'the header';
  #at = 0;
  readonly #view: DataView;
  // A text may begin with a byte order mark: it is part of a token, not a mark.
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /** `bytes` is the file's beginning: all of it, or as much as a head may take up. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly fileBytes: number,
    private readonly file: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }

  fail(what: string): PathPressError {
    return new PathPressError('BAD_GGUF', `${this.file}: ${this.place}: ${what}`);
  }

  u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  i8(): number {
    return this.#view.getInt8(this.#skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.#skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#skip(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#skip(8), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#skip(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#skip(8), true);
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw this.fail(`a truth value of ${value}`);
    return value === 1;
  }

  /** How many things of at least `least` bytes each follow: refused where the rest of the file can't hold them. */
  count(least: number, things: string): number {
    const stated = this.u64();
    const left = this.fileBytes - this.#at;
    if (stated * BigInt(least) > BigInt(left)) throw this.fail(`${stated} ${things} in the ${left} bytes that are left`);
    return Number(stated);
  }

  text(): string {
    const length = this.count(1, 'bytes of text');
    const from = this.#skip(length);
    try {
      return this.#decoder.decode(this.bytes.subarray(from, from + length));
    } catch (cause) {
      throw new PathPressError('BAD_GGUF', `${this.file}: ${this.place}: a text is not valid UTF-8`, { cause });
    }
  }

  /** A copy of the next `count` bytes, aligned for a typed array. */
  copy(count: number): ArrayBuffer {
    const from = this.#skip(count);
    return new Uint8Array(this.bytes.subarray(from, from + count)).buffer;
  }

  #skip(count: number): number {
    const from = this.#at;
    if (count > this.bytes.length - from) {
      if (this.bytes.length < this.fileBytes) throw this.fail(`names and metadata take up more than ${this.bytes.length} bytes`);
      throw this.fail(`the file ends at byte ${this.fileBytes}, ${count} bytes from ${from} on were asked for`);
    }
    this.#at = from + count;
    return from;
  }
}
