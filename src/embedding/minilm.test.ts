import { execFileSync, spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchPinned } from './fetch-minilm.js';
import { embedderId, openMiniLm } from './minilm.js';

/** Vectors by sentence-transformers from the PyTorch weights: data/fixtures/analysis/make_minilm.py. */
const golden = JSON.parse(
  readFileSync(new URL('../../data/fixtures/analysis/minilm.json', import.meta.url), 'utf8'),
) as { sentence: string; vector: number[] }[];

const weights = process.env.PATHPRESS_MINILM ?? fileURLToPath(new URL('../../.cache/minilm-int8', import.meta.url));
const there = existsSync(join(weights, 'tokenizer.json'));
const why = there ? '' : ' (skipped: no weights in PATHPRESS_MINILM or .cache/minilm-int8, which .ci/minilm.sh fills)';

describe.skipIf(!there)(`MiniLM${why}`, () => {
  it('equals sentence-transformers', { timeout: 60000 }, async () => {
    // Float32 exports (90 MB) come within 1e-4. In int8 a sentence of one word has nothing to average its error over.
    const exact = ['model.onnx', 'onnx/model.onnx'].some(
      (name) => existsSync(join(weights, name)) && statSync(join(weights, name)).size > 60e6,
    );
    const embedder = await openMiniLm(weights);
    const vectors = await embedder.embed(golden.map(({ sentence }) => sentence));
    const worst = { sentences: 0, words: 0 };
    golden.forEach(({ sentence, vector }, row) => {
      const kind = /\s/.test(sentence) || sentence.length > 7 ? 'sentences' : 'words';
      vector.forEach((x, k) => (worst[kind] = Math.max(worst[kind], Math.abs(x - vectors[row * 384 + k]))));
      const cosine = vector.reduce((sum, x, k) => sum + x * vectors[row * 384 + k], 0);
      expect(cosine, sentence).toBeGreaterThan(exact ? 0.999999 : 0.995);
    });
    console.log(
      `MiniLM (${exact ? 'float32' : 'int8'}), largest difference from sentence-transformers: ${JSON.stringify(worst)}`,
    );
    expect(worst.sentences).toBeLessThan(exact ? 1e-4 : 1e-2);
    expect(worst.words).toBeLessThan(exact ? 1e-4 : 3e-2);
    await embedder.dispose();
  });

  it('a vector does not depend on its batch', { timeout: 60000 }, async () => {
    const embedder = await openMiniLm(weights);
    const sentences = golden.slice(0, 6).map(({ sentence }) => sentence);
    const together = await embedder.embed(sentences);
    const alone = await embedder.embed(sentences.slice(3, 4));
    for (let k = 0; k < 384; k++) expect(alone[k]).toBeCloseTo(together[3 * 384 + k], 5);
    await embedder.dispose();
    await expect(embedder.embed(sentences)).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  it('many batches at a time: the same rows, whatever the order', { timeout: 60000 }, async () => {
    const embedder = await openMiniLm(weights);
    const sentences = Array.from({ length: 100 }, (_, i) => (i % 9 === 4 ? ' ' : `${'a long way '.repeat(i % 7)}${i}`));
    const [once, twice] = await Promise.all([embedder.embed(sentences), embedder.embed([...sentences].reverse())]);
    for (let i = 0; i < 100; i++) {
      const [row, other] = [once.subarray(i * 384, i * 384 + 384), twice.subarray((99 - i) * 384, (100 - i) * 384)];
      const cosine = row.reduce((sum, x, k) => sum + x * other[k], 0);
      expect(cosine, sentences[i]).toBeCloseTo(i % 9 === 4 ? 0 : 1, 5);
    }
    await embedder.dispose();
  });

  const killer = spawnSync('pkill', ['--version']).error ? ' (skipped: no pkill)' : '';
  it.skipIf(killer)(`a worker that is killed: a typed error instead of waiting${killer}`, { timeout: 60000 }, async () => {
    const embedder = await openMiniLm(weights);
    const embedding = embedder.embed(Array.from({ length: 2000 }, (_, i) => `sentence ${i}`));
    execFileSync('pkill', ['-KILL', '-P', String(process.pid), '-f', 'minilm-worker']);
    await expect(embedding).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('SIGKILL') });
    await embedder.dispose();
  });
});

describe('MiniLM folders', { timeout: 60000 }, () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('an ONNX file that is none, or no tokenizer: a typed error with the name', async () => {
    writeFileSync(join(folder, 'model.onnx'), 'not a model');
    await expect(openMiniLm(folder)).rejects.toMatchObject({
      code: 'BAD_TOKENIZER',
      message: expect.stringContaining(folder),
    });
    const tokenizer = { model: { type: 'WordPiece', unk_token: '[UNK]', vocab: { '[UNK]': 0 } }, added_tokens: [] };
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    await expect(openMiniLm(folder)).rejects.toMatchObject({
      code: 'BAD_WEIGHTS',
      message: expect.stringContaining('model.onnx'),
    });
  });
});

it('vectors of another tokenizer are kept apart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pathpress-'));
  const weights = join(folder, 'model.onnx');
  writeFileSync(weights, 'weights');
  const tokenizer = (vocab: Record<string, number>) => ({ tokenizer: { model: { vocab } }, config: {} });
  const id = await embedderId(weights, tokenizer({ a: 0, b: 1 }));
  expect(await embedderId(weights, tokenizer({ a: 0, b: 1 }))).toBe(id);
  expect(await embedderId(weights, tokenizer({ a: 1, b: 0 }))).not.toBe(id);
  expect(await embedderId(weights, { ...tokenizer({ a: 0, b: 1 }), config: { do_lower_case: false } })).not.toBe(id);
  rmSync(folder, { recursive: true });
});

describe('fetching pinned files', { timeout: 60000 }, () => {
  let [server, folder, address]: [Server | undefined, string, string] = [undefined, '', ''];
  const body = Buffer.from('the right weights');
  const file = { path: 'onnx/model.onnx', bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
  let answer: Buffer | undefined;
  let asked = 0;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pathpress-'));
    asked = 0;
    server = createServer((_, response) => {
      asked++;
      if (answer) response.end(answer);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server!.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps what has the right checksum, and does not ask again', async () => {
    answer = body;
    await fetchPinned(address, [file], folder);
    expect(readFileSync(join(folder, file.path))).toEqual(body);
    await fetchPinned(address, [file], folder);
    expect(asked).toBe(1);
    writeFileSync(join(folder, file.path), 'damaged');
    await fetchPinned(address, [file], folder);
    expect(readFileSync(join(folder, file.path))).toEqual(body);
  });

  it.each([
    ['another content', Buffer.from('the wrong weights'), /SHA-256 [0-9a-f]{64} after 17 bytes/],
    ['more than expected', Buffer.alloc(1000), /more than the 17 bytes/],
    ['cut short', body.subarray(0, 5), /after 5 bytes/],
    ['not there', undefined, /answers 404/],
  ])('%s: a typed error, and nothing left behind', async (_, content, message) => {
    answer = content;
    await expect(fetchPinned(address, [file], folder)).rejects.toMatchObject({
      code: 'FETCH_FAILED',
      exitStatus: 1,
      message: expect.stringMatching(new RegExp(`onnx/model.onnx: .*${message.source}`)),
    });
    expect(readdirSync(join(folder, 'onnx'))).toEqual([]);
  });

  it('no server: a typed error', async () => {
    await expect(fetchPinned('http://127.0.0.1:9', [file], folder)).rejects.toMatchObject({
      code: 'FETCH_FAILED',
      message: expect.stringMatching(/onnx\/model\.onnx: cannot be fetched \(.+\); is there a network\?/),
    });
  });

  it('a disk that does not take it: its own error', async () => {
    answer = body;
    writeFileSync(join(folder, 'onnx'), 'a file where a folder should be');
    await expect(fetchPinned(address, [file], folder)).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });

  it('tells how far it is, and ends where it is told to', async () => {
    answer = body;
    const seen: number[][] = [];
    await fetchPinned(address, [file, { ...file, path: 'b' }], folder, { onProgress: (...at) => seen.push(at) });
    expect(seen[0]).toEqual([0, 34]);
    expect(seen.at(-1)).toEqual([34, 34]);
    rmSync(join(folder, 'b'));
    const stop = new AbortController();
    const onProgress = (done: number) => done > 17 && stop.abort();
    await expect(
      fetchPinned(address, [file, { ...file, path: 'b' }], folder, { onProgress, signal: stop.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(folder)).toEqual(['onnx']);
  });
});
