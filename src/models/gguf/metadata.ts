/** The key-value part of a GGUF file, read by key with the type and the range that the reader needs. */
import { PathPressError } from '../../engine/errors.js';
import type { Cursor } from './cursor.js';

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;
export type Value = number | bigint | boolean | string | string[] | NumberArray;

/** A scalar's reader and, for arrays, its width in bytes and how a copy of them is looked at. */
interface Scalar {
  read(cursor: Cursor): number | bigint | boolean;
  bytes: number;
  array(buffer: ArrayBuffer): NumberArray;
}

// By the number that the format gives each type; 8 is a text, 9 an array.
const scalars: Record<number, Scalar> = {
  0: { read: (c) => c.u8(), bytes: 1, array: (b) => new Uint8Array(b) },
  1: { read: (c) => c.i8(), bytes: 1, array: (b) => new Int8Array(b) },
  2: { read: (c) => c.u16(), bytes: 2, array: (b) => new Uint16Array(b) },
  3: { read: (c) => c.i16(), bytes: 2, array: (b) => new Int16Array(b) },
  4: { read: (c) => c.u32(), bytes: 4, array: (b) => new Uint32Array(b) },
  5: { read: (c) => c.i32(), bytes: 4, array: (b) => new Int32Array(b) },
  6: { read: (c) => c.f32(), bytes: 4, array: (b) => new Float32Array(b) },
  7: { read: (c) => c.bool(), bytes: 1, array: (b) => new Uint8Array(b) },
  10: { read: (c) => c.u64(), bytes: 8, array: (b) => new BigUint64Array(b) },
  11: { read: (c) => c.i64(), bytes: 8, array: (b) => new BigInt64Array(b) },
  12: { read: (c) => c.f64(), bytes: 8, array: (b) => new Float64Array(b) },
};
const textType = 8;
const arrayType = 9;

function readValue(cursor: Cursor, type: number): Value {
  if (type === textType) return cursor.text();
  if (type === arrayType) return readArray(cursor);
  if (!Object.hasOwn(scalars, type)) throw cursor.fail(`a value of the unknown type ${type}`);
  return scalars[type].read(cursor);
}

function readArray(cursor: Cursor): string[] | NumberArray {
  const type = cursor.u32();
  if (type === textType) {
    const texts: string[] = [];
    for (let left = cursor.count(8, 'texts'); left > 0; left--) texts.push(cursor.text());
    return texts;
  }
  if (!Object.hasOwn(scalars, type)) {
    throw cursor.fail(type === arrayType ? 'an array of arrays' : `an array of the unknown type ${type}`);
  }
  const { bytes, array } = scalars[type];
  return array(cursor.copy(cursor.count(bytes, 'values') * bytes));
}

function describe(value: Value): string {
  if (Array.isArray(value)) return `a list of ${value.length} texts`;
  if (typeof value === 'object') return `a list of ${value.length} numbers`;
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
}

/** Every getter throws BAD_GGUF, naming file, key and value, where a key is missing (without a fallback) or does not fit. */
export class Metadata {
  private constructor(
    private readonly file: string,
    private readonly values: Map<string, Value>,
  ) {}

  /** @throws BAD_GGUF */
  static read(cursor: Cursor, count: number, file: string): Metadata {
    const values = new Map<string, Value>();
    for (let i = 0; i < count; i++) {
      cursor.place = `key ${i} of ${count}`;
      const key = cursor.text();
      if (key === '' || key.length > 65535) throw cursor.fail(`a name of ${key.length} characters`);
      cursor.place = `key ${JSON.stringify(key.slice(0, 200))}`;
      if (values.has(key)) throw cursor.fail('stands there twice');
      values.set(key, readValue(cursor, cursor.u32()));
    }
    return new Metadata(file, values);
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  fail(key: string, what: string): PathPressError {
    return new PathPressError('BAD_GGUF', `${this.file}: key "${key}" ${what}`);
  }

  whole(key: string, least: number, most: number, fallback?: number): number {
    const value = this.#get(key, fallback);
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
    throw this.fail(key, `is ${describe(value)}, not a whole number from ${least} to ${most}`);
  }

  /** A finite number above 0. */
  positive(key: string, fallback?: number): number {
    const value = this.#get(key, fallback);
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.fail(key, `is ${describe(value)}, not a number above 0`);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#get(key, fallback);
    if (typeof value === 'boolean') return value;
    throw this.fail(key, `is ${describe(value)}, not true or false`);
  }

  text(key: string, fallback?: string): string {
    const value = this.#get(key, fallback);
    if (typeof value === 'string') return value;
    throw this.fail(key, `is ${describe(value)}, not a text`);
  }

  texts(key: string): string[] {
    const value = this.#get(key);
    if (Array.isArray(value)) return value;
    throw this.fail(key, `is ${describe(value)}, not a list of texts`);
  }

  /** Exactly `length` numbers. */
  numbers(key: string, length: number): number[] {
    const value = this.#get(key);
    if (typeof value !== 'object' || Array.isArray(value)) throw this.fail(key, `is ${describe(value)}, not a list of numbers`);
    if (value.length !== length) throw this.fail(key, `holds ${value.length} numbers, not ${length}`);
    return Array.from(value as ArrayLike<number | bigint>, Number);
  }

  #get(key: string, fallback?: Value): Value {
    const value = this.values.get(key) ?? fallback;
    if (value === undefined) throw this.fail(key, 'is not there');
    return value;
  }
}
