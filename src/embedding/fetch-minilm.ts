import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PathPressError } from '../engine/errors.js';
import { fillWhole } from '../whole-file.js';
import { miniLmFolder } from './minilm.js';

/** A file to fetch, and what it must be. */
export interface PinnedFile {
  path: string;
  bytes: number;
  sha256: string;
}

/** How a download is followed and ended. */
export interface FetchOptions {
  /** Told the bytes that are there, of all files, now and then. */
  onProgress?: (done: number, total: number) => void;
  /** Ends it with the signal's reason; whole files stay, and a later call goes on from them. */
  signal?: AbortSignal;
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
 * @param folder where `openEmbedder('minilm')` looks for them if left out
 * @returns the folder
 * @throws FETCH_FAILED where the server is not reached, refuses, or sends something else than the pinned file;
 *   WRITE_FAILED where the disk does not take it. No part of a file is left behind.
 */
export async function fetchMiniLm(folder = miniLmFolder, options: FetchOptions = {}): Promise<string> {
  await fetchPinned(source, files, folder, options);
  return folder;
}

/** As `fetchMiniLm`, from any address and for any list of files. */
export async function fetchPinned(
  address: string,
  wanted: readonly PinnedFile[],
  folder: string,
  { onProgress, signal }: FetchOptions = {},
): Promise<void> {
  const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0; // bytes of the files before
  for (const file of wanted) {
    onProgress?.(done, total);
    const target = join(folder, file.path);
    const before = done;
    if (!(await isRight(target, file))) {
      const chunks = download(`${address}/${file.path}`, file, signal, (bytes) => onProgress?.(before + bytes, total));
      await fillWhole(target, (partial) => writeFile(partial, chunks));
    }
    done += file.bytes;
  }
  onProgress?.(done, total);
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

/** What the server sends, as it comes; fails at its end where that was not the pinned file. */
async function* download(
  url: string,
  file: PinnedFile,
  signal: AbortSignal | undefined,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const failed = (why: string, cause?: unknown) => new PathPressError('FETCH_FAILED', `${url}: ${why}`, { cause });
  const hash = createHash('sha256');
  let done = 0;
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || !response.body) throw failed(`the server answers ${response.status}`);
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      done += chunk.length;
      if (done > file.bytes) throw failed(`more than the ${file.bytes} bytes expected`);
      hash.update(chunk);
      onProgress(done);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof PathPressError) throw cause;
    signal?.throwIfAborted();
    const { message, cause: network } = cause as Error; // fetch says "fetch failed", its cause says why
    throw failed(`cannot be fetched (${(network as Error | undefined)?.message || message}); is there a network?`, cause);
  }
  const found = hash.digest('hex');
  if (found !== file.sha256) throw failed(`SHA-256 ${found} after ${done} bytes, not ${file.sha256}`);
}
