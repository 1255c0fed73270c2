/** Files that lie, and files with a few bytes changed: each ends in a typed error that names the file, and leaves nothing. */
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PathPressError } from '../../engine/errors.js';
import * as gguf from './build.mjs';
import { importGguf } from './import.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'model.gguf');
const out = join(folder, 'out');

async function refused(code: string, ...names: string[]): Promise<void> {
  const error = await importGguf({ file, out }).then(() => undefined, (thrown: Error) => thrown);
  expect(error).toBeInstanceOf(PathPressError);
  expect(error).toMatchObject({ code });
  for (const name of [file, ...names]) expect(error?.message).toContain(name);
  expect(readdirSync(folder)).toEqual(['model.gguf']);
}

type Change = (spec: gguf.FileSpec) => gguf.FileSpec | void;
const tensor = (spec: gguf.FileSpec, name: string): gguf.TensorSpec => spec.tensors.find((one) => one.name === name)!;
const set = (bytes: Buffer): Change => (spec) => {
  const name = bytes.subarray(8, 8 + bytes.readUInt32LE(0)).toString();
  spec.keys[name] = bytes;
};
const unset = (name: string): Change => (spec) => void delete spec.keys[name];
const scaled = (type: string, factor: number, ...more: Buffer[]): Change => (spec) =>
  void [gguf.text('llama.rope.scaling.type', type), gguf.real('llama.rope.scaling.factor', factor), ...more].forEach((key) => set(key)(spec));
const reshape = (name: string, ...shape: (number | bigint)[]): Change => (spec) => void (tensor(spec, name).shape = shape);
const query = 'blk.0.attn_q.weight';
const embedding = 'token_embd.weight';
const huge = 2n ** 63n;

// What is wrong; what is changed; the error's code and what its message has to name.
const rows: [string, Change, string, ...string[]][] = [
  ['another magic', (spec) => ({ ...spec, magic: 'GGML' }), 'BAD_GGUF', 'GGUF'],
  ['version 1', (spec) => ({ ...spec, version: 1 }), 'BAD_GGUF', 'version 1'],
  ['version 4', (spec) => ({ ...spec, version: 4 }), 'BAD_GGUF', 'version 4'],
  ['big-endian order', (spec) => ({ ...spec, version: 0x03000000 }), 'BAD_GGUF', 'big-endian'],
  ['2^63 tensors', (spec) => ({ ...spec, tensorCount: huge }), 'BAD_GGUF', String(huge)],
  ['2^63 keys', (spec) => ({ ...spec, keyCount: huge }), 'BAD_GGUF', String(huge)],
  ['one tensor more than there are', (spec) => ({ ...spec, tensorCount: 12 }), 'BAD_GGUF', 'tensor'],
  ['one key more than there are', (spec) => ({ ...spec, keyCount: 17 }), 'BAD_GGUF'],
  ['a key of 2^63 characters', set(Buffer.concat([gguf.u64(huge), Buffer.from('x')])), 'BAD_GGUF', String(huge)],
  ['a nameless key', (spec) => void (spec.keys.x = gguf.whole('', 1)), 'BAD_GGUF', '0 characters'],
  ['a key twice', (spec) => void (spec.keys.x = spec.keys['llama.block_count']), 'BAD_GGUF', 'llama.block_count', 'twice'],
  ['a key that is not UTF-8', (spec) => void (spec.keys.x = gguf.key('\u00e9', 4, gguf.u32(1)).fill(0xff, 8, 10)), 'BAD_GGUF', 'UTF-8'],
  ['a value of type 77', set(gguf.key('x', 77)), 'BAD_GGUF', '"x"', '77'],
  ['a truth value of 2', set(gguf.key('x', 7, Buffer.from([2]))), 'BAD_GGUF', '"x"', '2'],
  ['a text past the end', set(gguf.key('x', 8, gguf.u64(1e9))), 'BAD_GGUF', '"x"', '1000000000'],
  ['a text of 2^64 - 1 bytes', set(gguf.key('x', 8, gguf.u64(2n ** 64n - 1n))), 'BAD_GGUF', '"x"'],
  ['2^61 numbers of 8 bytes', set(gguf.key('x', 9, gguf.u32(10), gguf.u64(2n ** 61n))), 'BAD_GGUF', '"x"', String(2n ** 61n)],
  ['2^62 texts', set(gguf.key('x', 9, gguf.u32(8), gguf.u64(2n ** 62n))), 'BAD_GGUF', '"x"', 'texts'],
  ['an array of arrays', set(gguf.key('x', 9, gguf.u32(9), gguf.u64(1))), 'BAD_GGUF', '"x"', 'array of arrays'],
  ['an array of type 13', set(gguf.key('x', 9, gguf.u32(13), gguf.u64(1))), 'BAD_GGUF', '"x"', '13'],
  ['an alignment of 0', set(gguf.whole('general.alignment', 0)), 'BAD_GGUF', 'general.alignment', '0'],
  ['an alignment of 48', set(gguf.whole('general.alignment', 48)), 'BAD_GGUF', 'general.alignment', '48'],
  ['an alignment that is a text', set(gguf.text('general.alignment', '32')), 'BAD_GGUF', 'general.alignment', '"32"'],
  ['no architecture', unset('general.architecture'), 'BAD_GGUF', 'general.architecture'],
  ['an unknown architecture', set(gguf.text('general.architecture', 'rwkv7')), 'UNKNOWN_FAMILY', 'rwkv7', 'llama'],
  ['an architecture of Object', set(gguf.text('general.architecture', 'constructor')), 'UNKNOWN_FAMILY', 'constructor'],
  ['no layers', set(gguf.whole('llama.block_count', 0)), 'BAD_GGUF', 'llama.block_count', '0'],
  ['four billion layers', set(gguf.whole('llama.block_count', 0xffffffff)), 'BAD_GGUF', 'llama.block_count', '4294967295'],
  ['two layers where one is', set(gguf.whole('llama.block_count', 2)), 'BAD_TENSOR', 'blk.1.'],
  ['heads that do not divide', set(gguf.whole('llama.attention.head_count', 3)), 'BAD_TENSOR', query, '[30,32]'],
  ['more key-value heads than heads', set(gguf.whole('llama.attention.head_count_kv', 3)), 'BAD_GGUF', 'head_count_kv', '3'],
  ['an odd head', set(gguf.whole('llama.attention.key_length', 15)), 'BAD_GGUF', 'key_length', '15'],
  ['half a rotated head', set(gguf.whole('llama.rope.dimension_count', 8)), 'BAD_GGUF', 'rope.dimension_count', '8'],
  ['a rope of no kind', scaled('nonsense', 1), 'BAD_GGUF', 'rope.scaling.type', 'nonsense'],
  ['longrope', scaled('longrope', 4), 'BAD_GGUF', 'rope.scaling.type', 'longrope'],
  ['yarn that shrinks', scaled('yarn', 0.5), 'BAD_GGUF', 'rope.scaling.factor', '0.5'],
  ['yarn of another attention', scaled('yarn', 4, gguf.real('llama.rope.scaling.attn_factor', 0.7)), 'BAD_GGUF', 'rope.scaling.attn_factor'],
  ['another attention alone', set(gguf.real('llama.rope.scaling.attn_factor', 0.7)), 'BAD_GGUF', 'rope.scaling.attn_factor', '0.69'],
  ['yarn of other ends', scaled('yarn', 4, gguf.real('llama.rope.scaling.yarn_beta_fast', 16)), 'BAD_GGUF', 'rope.scaling.yarn_beta_fast', '16'],
  ['yarn with a multiplier', scaled('yarn', 4, gguf.real('llama.rope.scaling.yarn_log_multiplier', 0.1)), 'BAD_GGUF', 'yarn_log_multiplier'],
  ['linear scaling beside divisors', (spec) => {
    scaled('linear', 4)(spec);
    spec.tensors.push({ name: 'rope_freqs.weight', shape: [8], type: 0, data: gguf.floats(Array<number>(8).fill(8)) });
  }, 'BAD_GGUF', 'rope.scaling.type', 'rope_freqs.weight'],
  ['attention to what follows', set(gguf.flag('llama.attention.causal', false)), 'BAD_GGUF', 'llama.attention.causal', 'false'],
  ['an epsilon of NaN', set(gguf.real('llama.attention.layer_norm_rms_epsilon', Number.NaN)), 'BAD_GGUF', 'epsilon', 'NaN'],
  ['a base of infinity', set(gguf.real('llama.rope.freq_base', Infinity)), 'BAD_GGUF', 'freq_base', 'Infinity'],
  ['no embedding', (spec) => ({ ...spec, tensors: spec.tensors.slice(1) }), 'BAD_TENSOR', embedding],
  ['a tensor twice', (spec) => ({ ...spec, tensors: [...spec.tensors, spec.tensors[3]] }), 'BAD_GGUF', 'blk.0.ffn_norm.weight', 'twice'],
  ['an expert', (spec) => ({ ...spec, tensors: [...spec.tensors, { ...spec.tensors[3], name: 'blk.0.ffn_gate_inp.weight' }] }), 'BAD_TENSOR', 'ffn_gate_inp'],
  ['a name of 65 characters', (spec) => void (tensor(spec, query).name = 'x'.repeat(65)), 'BAD_GGUF', '65'],
  ['no dimensions', reshape(query), 'BAD_GGUF', query, '0 dimensions'],
  ['five dimensions', reshape(query, 1, 1, 1, 32, 32), 'BAD_GGUF', query, '5 dimensions'],
  ['a dimension of 0', reshape(query, 0, 32), 'BAD_GGUF', query],
  ['dimensions whose product overflows', reshape(query, 2n ** 32n, 2n ** 32n), 'BAD_GGUF', query],
  ['another shape', reshape(query, 16, 64), 'BAD_TENSOR', query, '[16,64]', '[32,32]'],
  ['a type that is not supported', (spec) => void (tensor(spec, query).type = 10), 'BAD_GGUF', query, 'Q2_K'],
  ['a type that is not known', (spec) => void (tensor(spec, query).type = 4000), 'BAD_GGUF', query, '4000'],
  ['rows of broken blocks', (spec) => void (tensor(spec, query).type = gguf.typeIds.Q4_K), 'BAD_GGUF', query, '256'],
  ['a vector in blocks', (spec) => void (tensor(spec, 'output_norm.weight').type = gguf.typeIds.Q8_0), 'BAD_TENSOR', 'output_norm'],
  ['an offset off the alignment', (spec) => void (tensor(spec, query).offset = 33), 'BAD_GGUF', query, '33'],
  ['an offset beyond the end', (spec) => void (tensor(spec, query).offset = 2n ** 40n), 'BAD_TENSOR', query],
  ['an offset that wraps around', (spec) => void (tensor(spec, query).offset = 2n ** 64n - 32n), 'BAD_GGUF', query],
  ["an offset in another's bytes", (spec) => void (tensor(spec, query).offset = 32), 'BAD_TENSOR', query, embedding],
  ['weights of NaN', (spec) => void tensor(spec, query).data.writeFloatLE(Number.NaN, 400), 'BAD_WEIGHTS', query],
  ['an unknown tokenizer', set(gguf.text('tokenizer.ggml.model', 'toString')), 'BAD_TOKENIZER', 'toString', 'gpt2'],
  ['an unknown splitter', set(gguf.text('tokenizer.ggml.pre', 'default')), 'BAD_TOKENIZER', 'default', 'smollm'],
  ['more tokens than rows', set(gguf.texts('tokenizer.ggml.tokens', Array<string>(40).fill('a'))), 'BAD_TOKENIZER', '40'],
  ['a token twice', set(gguf.texts('tokenizer.ggml.tokens', Array<string>(18).fill('a'))), 'BAD_TOKENIZER', '"a"'],
  ['kinds of fewer tokens', set(gguf.wholes('tokenizer.ggml.token_type', [1, 1])), 'BAD_GGUF', 'token_type', '18'],
  ['a merge of what is not there', set(gguf.texts('tokenizer.ggml.merges', ['a q'])), 'BAD_TOKENIZER', '"a q"'],
  ['a merge of three', set(gguf.texts('tokenizer.ggml.merges', ['a b c'])), 'BAD_TOKENIZER', '"a b c"'],
  ['an end beyond the vocabulary', set(gguf.whole('tokenizer.ggml.eos_token_id', 18)), 'BAD_GGUF', 'eos_token_id', '18'],
  ['a chat template of a number', set(gguf.whole('tokenizer.chat_template', 1)), 'BAD_GGUF', 'chat_template'],
];

describe('a hostile file', () => {
  it.each(rows)('with %s', async (_, change, code, ...names) => {
    const spec = gguf.tinyFile();
    gguf.save(file, change(spec) ?? spec);
    await refused(code, ...names);
  });

  it('that is no file, or empty, or cut anywhere in its head', async () => {
    const whole = gguf.encode(gguf.tinyFile());
    const ends = [0, 3, 4, 7, 8, 20, 23, 24, 31, 60, 500, 1000, 1500, whole.length - 4096, whole.length - 1];
    for (const end of ends) {
      writeFileSync(file, whole.subarray(0, end));
      await refused(end > 2500 ? 'BAD_TENSOR' : 'BAD_GGUF');
    }
    const error = (path: string) => importGguf({ file: path, out }).catch((thrown: unknown) => thrown);
    expect(await error(join(folder, 'none.gguf'))).toMatchObject({ code: 'BAD_FILE' });
    expect(await error(folder)).toMatchObject({ code: 'BAD_FILE' });
  });

  it('that claims a head beyond 64 MiB', async () => {
    gguf.save(file, { ...gguf.tinyFile(), keys: { x: gguf.key('x', 8, gguf.u64(80 << 20)) } });
    truncateSync(file, 100 << 20); // the rest is a hole
    await refused('BAD_GGUF', '"x"', '67108864');
  });
});

// Seconds on an idle machine; the limit only ends what hangs.
it('ends 4,000 mutations, each in a model or in a typed error', { timeout: 600_000 }, async () => {
  const seed = gguf.encode(gguf.tinyFile());
  const head = 2400; // most of the changes fall where sizes and names are
  let state = 20261125;
  const draw = (n: number) => {
    for (const [left, by] of [[true, 13], [false, 17], [true, 5]] as const) state ^= left ? state << by : state >>> by;
    return (state >>> 0) % n; // xorshift32
  };
  const codes = new Map<string, number>();
  for (let round = 0; round < 4000; round++) {
    let bytes = Buffer.from(seed);
    for (let changes = 1 + draw(4); changes > 0; changes--) {
      const at = Math.min(draw(draw(10) ? head : bytes.length), bytes.length - 1);
      const end = Math.min(at + 8, bytes.length);
      const kind = draw(6);
      if (kind === 0) bytes[at] ^= 1 << draw(8);
      else if (kind === 1) bytes[at] = draw(256);
      else if (kind === 2) bytes.fill(0xff, at, end);
      else if (kind === 3) bytes.fill(0, at, end);
      else if (kind === 4) bytes = bytes.subarray(0, Math.max(at, 8));
      else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(draw(head), draw(head)), bytes.subarray(at)]);
    }
    writeFileSync(file, bytes);
    const error = await importGguf({ file, out }).then(() => undefined, (thrown: Error) => thrown);
    const code = error === undefined ? 'none' : error instanceof PathPressError ? error.code : String(error.stack);
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (error) expect(error.message).toContain(file);
    expect(existsSync(out)).toBe(error === undefined);
    rmSync(out, { recursive: true, force: true });
  }
  const typed = ['BAD_GGUF', 'BAD_TENSOR', 'BAD_TOKENIZER', 'BAD_WEIGHTS', 'UNKNOWN_FAMILY', 'none'];
  expect([...codes.keys()].filter((code) => !typed.includes(code))).toEqual([]);
  for (const code of ['BAD_GGUF', 'BAD_TENSOR', 'none']) expect(codes.get(code), code).toBeGreaterThan(100);
  expect(readdirSync(folder)).toEqual(['model.gguf']);
});
