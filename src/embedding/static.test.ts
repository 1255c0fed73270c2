import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStatic } from './static.js';
import { readTensors } from './tensors.js';

const model2vec = fileURLToPath(new URL('../../../shared/data/models/model2vec-bge-base-vq64', import.meta.url));

/** A safetensors file of the tensors given, each with its raw bytes. */
function safetensors(tensors: Record<string, { dtype: string; shape: number[]; bytes: Buffer }>): Buffer {
  let at = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => [
      name,
      { dtype, shape, data_offsets: [at, (at += bytes.length)] },
    ]),
  );
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, ...Object.values(tensors).map(({ bytes }) => bytes)]);
}

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
const ints = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);

describe('static embedder', { timeout: 60000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pathpress-'));
    const tokenizer = {
      version: '1.0',
      added_tokens: [],
      pre_tokenizer: { type: 'Whitespace' },
      model: { type: 'WordLevel', unk_token: '[UNK]', vocab: { '[UNK]': 0, a: 1, b: 2 } },
    };
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (tensors: Parameters<typeof safetensors>[0]): ReturnType<typeof openStatic> => {
    writeFileSync(join(folder, 'model.safetensors'), safetensors(tensors));
    return openStatic(folder);
  };
  const embeddings = { dtype: 'F32', shape: [2, 2], bytes: floats(1, 0, 0, 1) };
  const mapping = { dtype: 'I32', shape: [3], bytes: ints(0, 1, 0) };
  const weights = { dtype: 'F64', shape: [3], bytes: Buffer.from(Float64Array.of(9, 3, 4).buffer) };

  it('is the weighted mean of mapped rows, unknown words left out', async () => {
    const embedder = await open({ embeddings, mapping, weights });
    // a → 3 · (0, 1), b → 4 · (1, 0)
    const vectors = await embedder.embed(['a b', 'a zzz', 'zzz']);
    expect([...vectors]).toEqual([0.8, 0.6, 0, 1, 0, 0].map((x) => expect.closeTo(x, 6)));
  });

  it('without weights and mapping: the mean of the tokens’ own rows', async () => {
    const embedder = await open({ embeddings: { dtype: 'F32', shape: [3, 2], bytes: floats(9, 9, 1, 0, 0, 1) } });
    expect([...(await embedder.embed(['a b']))]).toEqual([Math.SQRT1_2, Math.SQRT1_2].map((x) => expect.closeTo(x, 6)));
  });

  it('names the tensor that does not fit', async () => {
    await expect(open({ weights })).rejects.toThrow(/no tensor "embeddings"/);
    await expect(open({ embeddings })).rejects.toThrow(/2 rows for 3 tokens/);
    await expect(open({ embeddings, mapping: { ...mapping, bytes: ints(0, 1, 2) } })).rejects.toThrow(
      /sends token 2 to row 2 of 2/,
    );
    await expect(open({ embeddings, mapping: { dtype: 'I32', shape: [2], bytes: ints(0, 1) } })).rejects.toThrow(
      /"mapping" has 2 entries for 3 tokens/,
    );
  });

  it('refuses a file that is truncated or lies, at any length', () => {
    const whole = safetensors({ embeddings, mapping });
    for (let size = 0; size < whole.length; size++)
      expect(() => readTensors(whole.subarray(0, size), 'f')).toThrow(/^f/);
    const bad = (entry: object): Buffer => safetensors({ t: { ...embeddings, ...entry } });
    expect(() => readTensors(bad({ shape: [2, 3] }), 'f')).toThrow(/tensor "t": bytes 0 to 16 of 16 for 6 values/);
    expect(() => readTensors(bad({ dtype: 'Q4' }), 'f')).toThrow(/type Q4/);
    expect(() => readTensors(bad({ shape: [-1] }), 'f')).toThrow(/whole numbers/);
  });

  it('reads every type', () => {
    const t = readTensors(
      safetensors({
        f16: { dtype: 'F16', shape: [4], bytes: Buffer.from(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x3555).buffer) },
        i64: { dtype: 'I64', shape: [1], bytes: Buffer.from(BigInt64Array.of(-7n).buffer) },
        i8: { dtype: 'I8', shape: [2], bytes: Buffer.from([255, 5]) },
      }),
      'f',
    );
    expect([...t.f16.values]).toEqual([1, -2, 2 ** -24, 0.333251953125]);
    expect([...t.i64.values, ...t.i8.values]).toEqual([-7, -1, 5]);
  });

  it.skipIf(!existsSync(model2vec))(
    'gives the published vector of a real file (skipped where ../shared/data is absent)',
    async () => {
      // 'hello' a thousand times, by MinishLab/model2vec-rs's own test
      const [expected] = JSON.parse(
        readFileSync(join(model2vec, 'expected_embedding_hello_x1000.json'), 'utf8'),
      ) as number[][];
      copyFileSync(join(model2vec, 'model.safetensors'), join(folder, 'model.safetensors'));
      copyFileSync(join(model2vec, 'tokenizer.json'), join(folder, 'tokenizer.json'));
      const embedder = await openStatic(folder);
      const vector = await embedder.embed([new Array(1000).fill('hello').join(' ')]);
      expect(embedder.dim).toBe(64);
      expected.forEach((x, k) => expect(vector[k]).toBeCloseTo(x, 5));
    },
  );
});
