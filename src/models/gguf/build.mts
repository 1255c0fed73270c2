/** An encoder of GGUF written apart from the reader: the tests' own, able to lie. */
import { writeFileSync } from 'node:fs';

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
export const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const f32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
export const string = (text: string | Buffer): Buffer => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);

/** A key with a value of a stated type, encoded already. */
export const key = (name: string, type: number, ...value: Buffer[]): Buffer => Buffer.concat([string(name), u32(type), ...value]);
const list = (name: string, type: number, values: Buffer[]): Buffer => key(name, 9, u32(type), u64(values.length), Buffer.concat(values));
export const whole = (name: string, value: number): Buffer => key(name, 4, u32(value));
export const real = (name: string, value: number): Buffer => key(name, 6, f32(value));
export const flag = (name: string, value: boolean): Buffer => key(name, 7, Buffer.from([Number(value)]));
export const text = (name: string, value: string): Buffer => key(name, 8, string(value));
export const texts = (name: string, values: string[]): Buffer => list(name, 8, values.map(string));
export const wholes = (name: string, values: number[]): Buffer => list(name, 5, values.map(u32));
export const reals = (name: string, values: number[]): Buffer => list(name, 6, values.map(f32));

export const typeIds = { F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14, BF16: 30 };
export type TypeName = keyof typeof typeIds;

export interface TensorSpec {
  name: string;
  /** Rows first; the file has it the other way round. */
  shape: (number | bigint)[];
  type: number;
  data: Buffer;
  /** Where the file says that it stands, if not where it does. */
  offset?: number | bigint;
}

export interface FileSpec {
  magic?: string;
  version?: number;
  /** What the file says of itself, if not the truth. */
  tensorCount?: number | bigint;
  keyCount?: number | bigint;
  keys: Record<string, Buffer>;
  tensors: TensorSpec[];
}

const aligned = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);

export function encode({ magic = 'GGUF', version = 3, tensorCount, keyCount, keys, tensors }: FileSpec): Buffer {
  let at = 0;
  const entries = tensors.map(({ name, shape, type, data, offset }) => {
    const entry = [string(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(type), u64(offset ?? at)];
    at += aligned(data).length;
    return Buffer.concat(entry);
  });
  const rows = Object.values(keys);
  const counts = [u64(tensorCount ?? tensors.length), u64(keyCount ?? rows.length)];
  const head = Buffer.concat([Buffer.from(magic), u32(version), ...counts, ...rows, ...entries]);
  return Buffer.concat([aligned(head), ...tensors.map(({ data }) => aligned(data))]);
}

export const save = (path: string, spec: FileSpec): void => writeFileSync(path, encode(spec));

export const floats = (values: ArrayLike<number>): Buffer => Buffer.from(Float32Array.from(values).buffer);

const tinyTokens = ['<|end|>', '<|say|>', ...'abcdefghijkl', '\u0120', 'ab', 'abc', '\u0120a'];

/** A Llama of one layer (hidden 32, two heads of 16 on one key-value head, 20 tokens) with a byte-level tokenizer, in float32. */
export function tinyFile(): FileSpec {
  const [hidden, inner, vocab, kv] = [32, 64, tinyTokens.length + 2, 16];
  let state = 99;
  const draw = () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
  const tensor = (name: string, ...shape: number[]): TensorSpec => {
    const count = shape.reduce((a, b) => a * b, 1);
    return { name, shape, type: 0, data: floats(Array.from({ length: count }, () => (shape.length === 1 ? 1 : draw()))) };
  };
  const keys = [
    text('general.architecture', 'llama'),
    whole('llama.context_length', 64),
    whole('llama.embedding_length', hidden),
    whole('llama.feed_forward_length', inner),
    whole('llama.block_count', 1),
    whole('llama.attention.head_count', 2),
    whole('llama.attention.head_count_kv', 1),
    real('llama.attention.layer_norm_rms_epsilon', 1e-5),
    real('llama.rope.freq_base', 10000),
    text('tokenizer.ggml.model', 'gpt2'),
    text('tokenizer.ggml.pre', 'smollm'),
    texts('tokenizer.ggml.tokens', tinyTokens),
    wholes('tokenizer.ggml.token_type', tinyTokens.map((token) => (token.startsWith('<|') ? 3 : 1))),
    texts('tokenizer.ggml.merges', ['a b', 'ab c', '\u0120 a']),
    whole('tokenizer.ggml.eos_token_id', 0),
    text('tokenizer.chat_template', '{% for m in messages %}<|say|>{{ m.content }}{% endfor %}'),
  ];
  return {
    keys: Object.fromEntries(keys.map((bytes) => [bytes.subarray(8, 8 + bytes.readUInt32LE(0)).toString(), bytes])),
    tensors: [
      tensor('token_embd.weight', vocab, hidden),
      tensor('output_norm.weight', hidden),
      tensor('blk.0.attn_norm.weight', hidden),
      tensor('blk.0.ffn_norm.weight', hidden),
      tensor('blk.0.attn_q.weight', hidden, hidden),
      tensor('blk.0.attn_k.weight', kv, hidden),
      tensor('blk.0.attn_v.weight', kv, hidden),
      tensor('blk.0.attn_output.weight', hidden, hidden),
      tensor('blk.0.ffn_gate.weight', inner, hidden),
      tensor('blk.0.ffn_up.weight', inner, hidden),
      tensor('blk.0.ffn_down.weight', hidden, inner),
    ],
  };
}
