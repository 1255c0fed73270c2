import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PathPressError } from '../engine/errors.js';
import { miniLmFolder } from './minilm.js';

/** A file to fetch, and what it must be. */
export interface PinnedFile {
  path: string;
  bytes: number;
  sha256: string;
}

/** sentence-transformers/all-MiniLM-L6-v2, Apache-2.0: the float32 ONNX export and the tokenizer. */
const source =
  'https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41';
const files: readonly PinnedFile[] = [
  { path: 'tokenizer.json', bytes: 466247, sha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037' },
  { path: 'config.json', bytes: 612, sha256: '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41' },
  {
    path: 'onnx/model.onnx',
    bytes: 90405214,
    sha256: '6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452',
  },
];

/**
 * Downloads MiniLM's weights (91 MB) at a pinned revision; the only function here that uses the network, so call it only
 * where the user asked for it. Files already there and right are kept.
 * @param onProgress told the bytes of the file at hand, now and then
 * @returns the folder
 * @throws BAD_FILE where the server does not deliver, BAD_WEIGHTS where a checksum differs; nothing is left behind
 */
export async function fetchMiniLm(
  folder = miniLmFolder,
  onProgress?: (file: string, done: number, total: number) => void,
): Promise<string> {
  await fetchPinned(source, files, folder, onProgress);
  return folder;
}

/** As `fetchMiniLm`, from any address and for any list of files. */
export async function fetchPinned(
  address: string,
  wanted: readonly PinnedFile[],
  folder: string,
  onProgress?: (file: string, done: number, total: number) => void,
): Promise<void> {
  for (const file of wanted) {
    const target = join(folder, file.path);
    if (await isRight(target, file)) continue;
    await mkdir(dirname(target), { recursive: true });
    const part = `${target}.${process.pid}.part`;
    try {
      await download(`${address}/${file.path}`, file, part, onProgress);
      await rename(part, target);
    } finally {
      await rm(part, { force: true });
    }
  }
}

async function isRight(target: string, file: PinnedFile): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(target), hash);
  } catch {
    return false;
  }
  return hash.digest('hex') === file.sha256;
}

async function download(
  url: string,
  file: PinnedFile,
  part: string,
  onProgress?: (file: string, done: number, total: number) => void,
): Promise<void> {
  const hash = createHash('sha256');
  let done = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _, next) {
      done += chunk.length;
      if (done > file.bytes)
        return next(new PathPressError('BAD_WEIGHTS', `${url}: more than the ${file.bytes} bytes expected`));
      hash.update(chunk);
      onProgress?.(file.path, done, file.bytes);
      next(null, chunk);
    },
  });
  try {
    const response = await fetch(url);
    if (!response.ok || !response.body)
      throw new PathPressError('BAD_FILE', `${url}: the server answers ${response.status}`);
    await pipeline(
      Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
      watch,
      createWriteStream(part),
    );
  } catch (cause) {
    if (cause instanceof PathPressError) throw cause;
    throw new PathPressError('BAD_FILE', `${url}: cannot be fetched (${(cause as Error).message})`, { cause });
  }
  const found = hash.digest('hex');
  if (found !== file.sha256) throw new PathPressError('BAD_WEIGHTS', `${url}: SHA-256 ${found}, not ${file.sha256}`);
}
