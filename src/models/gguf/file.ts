/**
 * Opens a GGUF file, version 2 or 3, little-endian, and reads its head: metadata and the table of tensors. Format:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Everything is checked before it is believed.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { PathPressError } from '../../engine/errors.js';
import { Cursor } from './cursor.js';
import { type BlockType, blockType } from './block-types.js';
import { Metadata } from './metadata.js';

/** Names and metadata may take up this much; those of the largest vocabularies take up some 20 MiB. */
const largestHead = 64 << 20;
const magic = 0x46554747; // "GGUF"
const longestName = 64;

export interface TensorEntry {
  name: string;
  /** Rows first, as in safetensors; the file has it the other way round. */
  shape: number[];
  type: BlockType;
  /** Byte of the file at which it begins. */
  begin: number;
  bytes: number;
}

export class GgufFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    readonly metadata: Metadata,
    readonly tensors: ReadonlyMap<string, TensorEntry>,
  ) {}

  /** @throws BAD_FILE (not readable), BAD_GGUF, BAD_TENSOR, each naming the file and the key or tensor */
  static async open(path: string): Promise<GgufFile> {
    const handle = await open(path, 'r').catch((cause: Error) => {
      throw new PathPressError('BAD_FILE', `${path}: ${cause.message}`, { cause });
    });
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new PathPressError('BAD_FILE', `${path}: not a regular file`);
      const head = new Uint8Array(Math.min(stats.size, largestHead));
      const cursor = new Cursor(head.subarray(0, await fill(handle, head, 0)), stats.size, path);
      const { metadata, tensors } = readHead(cursor, stats.size, path);
      return new GgufFile(path, handle, metadata, tensors);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Fills `to` from byte `from` on. @throws BAD_FILE where the file has become shorter, or can't be read */
  async read(to: Uint8Array, from: number): Promise<void> {
    const got = await fill(this.handle, to, from).catch((cause: Error) => {
      throw new PathPressError('BAD_FILE', `${this.path}: ${cause.message}`, { cause });
    });
    if (got < to.length) throw new PathPressError('BAD_FILE', `${this.path}: ends at byte ${from + got}: it was cut while being read`);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function fill(handle: FileHandle, to: Uint8Array, from: number): Promise<number> {
  let got = 0;
  while (got < to.length) {
    const { bytesRead } = await handle.read(to, got, to.length - got, from + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return got;
}

function readHead(cursor: Cursor, fileBytes: number, path: string): { metadata: Metadata; tensors: Map<string, TensorEntry> } {
  if (fileBytes < 4 || cursor.u32() !== magic) throw cursor.fail('does not begin with "GGUF"');
  const version = cursor.u32();
  if (version >>> 16 !== 0) throw cursor.fail('big-endian files are not supported');
  if (version !== 2 && version !== 3) throw cursor.fail(`version ${version} is not 2 or 3`);
  const tensorCount = cursor.count(24, 'tensors'); // a name's length, dimensions, type, offset
  const metadata = Metadata.read(cursor, cursor.count(13, 'keys'), path);
  const alignment = metadata.whole('general.alignment', 1, 1 << 20, 32);
  if (alignment & (alignment - 1)) throw metadata.fail('general.alignment', `is ${alignment}, not a power of two`);
  const tensors = new Map<string, TensorEntry>();
  for (let i = 0; i < tensorCount; i++) {
    cursor.place = `tensor ${i} of ${tensorCount}`;
    const entry = readEntry(cursor, alignment);
    if (tensors.has(entry.name)) throw cursor.fail('stands there twice');
    tensors.set(entry.name, entry);
  }
  place([...tensors.values()], Math.ceil(cursor.at / alignment) * alignment, fileBytes, path);
  return { metadata, tensors };
}

function readEntry(cursor: Cursor, alignment: number): TensorEntry {
  const name = cursor.text();
  if (name === '' || name.length > longestName) throw cursor.fail(`a name of ${name.length} characters`);
  cursor.place = `tensor "${name}"`;
  const dimensions = cursor.u32();
  if (dimensions < 1 || dimensions > 4) throw cursor.fail(`${dimensions} dimensions`);
  const shape: number[] = [];
  let elements = 1n;
  for (let i = 0; i < dimensions; i++) {
    const size = cursor.u64();
    elements *= size;
    if (size === 0n || elements > BigInt(Number.MAX_SAFE_INTEGER)) throw cursor.fail(`dimension ${i} is ${size}`);
    shape.unshift(Number(size));
  }
  const type = blockType(cursor.u32());
  if (!type.decode) throw cursor.fail(`type ${type.name} is not supported`);
  const rowLength = shape[shape.length - 1];
  if (rowLength % type.elements) throw cursor.fail(`rows of ${rowLength} are not whole blocks of ${type.elements} (${type.name})`);
  const bytes = (elements / BigInt(type.elements)) * BigInt(type.bytes);
  const offset = cursor.u64();
  if (offset % BigInt(alignment)) throw cursor.fail(`offset ${offset} is not a multiple of the alignment ${alignment}`);
  if (offset + bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw cursor.fail(`offset ${offset} and ${bytes} bytes lie beyond any file`);
  return { name, shape, type, begin: Number(offset), bytes: Number(bytes) };
}

/** Makes offsets absolute. @throws BAD_TENSOR where one lies beyond the file's end or in another's bytes */
function place(tensors: TensorEntry[], base: number, fileBytes: number, path: string): void {
  let end = 0;
  let before = '';
  for (const tensor of tensors.sort((a, b) => a.begin - b.begin)) {
    const bad = (what: string) => new PathPressError('BAD_TENSOR', `${path}: tensor "${tensor.name}" ${what}`);
    tensor.begin += base;
    if (tensor.begin < end) throw bad(`begins at byte ${tensor.begin}, within "${before}"`);
    end = tensor.begin + tensor.bytes;
    before = tensor.name;
    if (end > fileBytes) throw bad(`takes up bytes ${tensor.begin} to ${end}, the file has ${fileBytes}`);
  }
}
