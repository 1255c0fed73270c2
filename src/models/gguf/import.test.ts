/** What an import makes: values against the gguf package, logits against transformers, and a folder whole or not at all. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openEngine } from '../../engine/engine.js';
import { half } from '../../engine/half.js';
import { fixture } from '../../engine/testing.js';
import * as gguf from './build.mjs';
import { importGguf } from './import.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));
const golden = (name: string): string => fileURLToPath(new URL(`../../../data/fixtures/gguf/${name}`, import.meta.url));
const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const floatsOf = (base64: string): Float32Array => new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);

let made = 0;
/** Imports into a folder of its own. */
async function imported(source: gguf.FileSpec | string, weights: 'exact' | 'bf16' = 'exact'): Promise<string> {
  const file = typeof source === 'string' ? source : join(folder, `${++made}.gguf`);
  if (typeof source !== 'string') gguf.save(file, source);
  const out = join(folder, `model-${++made}`);
  await importGguf({ file, out, weights, tokenizer: typeof source !== 'string' && 'tokenizer.ggml.model' in source.keys });
  return out;
}

/** Tensors of a folder, 16-bit ones widened. */
function tensorsOf(model: string): Record<string, { dtype: string; shape: number[]; values: Float32Array }> {
  const bytes = readFileSync(join(model, 'model.safetensors'));
  const data = bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
  const header = JSON.parse(bytes.subarray(8, bytes.length - data.length).toString()) as object;
  const widen = (dtype: string, raw: Buffer) => {
    if (dtype === 'F32') return new Float32Array(Uint8Array.from(raw).buffer);
    const words = new Uint16Array(Uint8Array.from(raw).buffer);
    if (dtype === 'F16') return Float32Array.from(words, half);
    return new Float32Array(Uint32Array.from(words, (word) => word << 16).buffer);
  };
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return Object.fromEntries(
    entries.map(([name, { dtype, shape, data_offsets: [from, to] }]: [string, { dtype: string; shape: number[]; data_offsets: number[] }]) => [
      name,
      { dtype, shape, values: widen(dtype, data.subarray(from, to)) },
    ]),
  );
}

/** Rows as llama.cpp has them: of each head the first row of either half, then the second of either half, and so on. */
function paired<T>(rows: T[], headDim: number): T[] {
  return rows.map((_, row) => {
    const within = row % headDim;
    return rows[row - within + (within % 2) * (headDim / 2) + Math.floor(within / 2)];
  });
}

const chunks = (data: Buffer, bytes: number): Buffer[] =>
  Array.from({ length: data.length / bytes }, (_, i) => data.subarray(i * bytes, (i + 1) * bytes));

async function expectLogits(model: string, ids: number[], logits: Float32Array): Promise<void> {
  const engine = await openEngine({ model, threads: 1, cache: 'f32' });
  try {
    const ours = await engine.logits(ids);
    expect(ours.length).toBe(logits.length);
    expect(ours.reduce((worst, value, i) => Math.max(worst, Math.abs(value - logits[i])), 0)).toBeLessThanOrEqual(1e-4);
  } finally {
    engine.dispose();
  }
}

const { types } = json<{ types: Record<gguf.TypeName, { blocks: string; values: string }> }>(golden('blocks.json'));

describe.each(Object.keys(gguf.typeIds) as gguf.TypeName[])('matrices of type %s', (type) => {
  // Two rows of 256 golden values, over and over; the second of each pair of rows differs from the first.
  const [hidden, vocab] = [256, 16];
  const two = Buffer.from(types[type].blocks, 'base64');
  const values = floatsOf(types[type].values);
  const matrix = (name: string, rows: number): gguf.TensorSpec => ({
    name,
    shape: [rows, hidden],
    type: gguf.typeIds[type],
    data: Buffer.concat(Array<Buffer>(rows / 2).fill(two)),
  });
  const { keys } = gguf.tinyFile();
  for (const name of Object.keys(keys)) if (name.startsWith('tokenizer.')) delete keys[name];
  for (const size of ['embedding_length', 'feed_forward_length']) keys[`llama.${size}`] = gguf.whole(`llama.${size}`, hidden);
  const spec: gguf.FileSpec = {
    keys,
    tensors: [
      matrix('token_embd.weight', vocab),
      ...['attn_q', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map((name) => matrix(`blk.0.${name}.weight`, hidden)),
      ...['attn_k', 'attn_v'].map((name) => matrix(`blk.0.${name}.weight`, hidden / 2)),
      ...['output_norm', 'blk.0.attn_norm', 'blk.0.ffn_norm'].map((name) => ({
        name: `${name}.weight`,
        shape: [hidden],
        type: 0,
        data: gguf.floats(Array<number>(hidden).fill(1)),
      })),
    ],
  };
  const row = (i: number): number[] => Array.from(values.subarray((i % 2) * hidden, ((i % 2) + 1) * hidden));
  // Row r of a head of 128 was stored as row 2r, or 2 (r - 64) + 1: even ones first, then odd ones.
  const unpairedRow = (i: number): number[] => row(i % 128 < 64 ? 0 : 1);

  it('come out exactly, queries and keys in their own order', async () => {
    const tensors = tensorsOf(await imported(spec));
    const stored = type === 'F16' || type === 'BF16' ? type : 'F32';
    for (const [name, of] of [['embed_tokens', row], ['layers.0.self_attn.v_proj', row], ['layers.0.self_attn.q_proj', unpairedRow], ['layers.0.self_attn.k_proj', unpairedRow]] as const) {
      const { dtype, shape, values: got } = tensors[`model.${name}.weight`];
      expect({ name, dtype }).toEqual({ name, dtype: stored });
      const wanted = Float32Array.from(Array.from({ length: shape[0] }, (_, i) => of(i)).flat());
      expect(Buffer.from(got.buffer).equals(Buffer.from(wanted.buffer)), name).toBe(true);
    }
  });

  it('come out as the nearest bfloat16 where asked for', async () => {
    const { dtype, values: got } = tensorsOf(await imported(spec, 'bf16'))['model.embed_tokens.weight'];
    expect(dtype).toBe('BF16');
    // 8 bits of significand: half a unit in the last place is 2^-8 of the value's power of two.
    for (let i = 0; i < 512; i++) {
      const unit = 2 ** Math.max(Math.floor(Math.log2(Math.abs(values[i]) || 1e-45)), -126);
      expect(Math.abs(got[i] - values[i])).toBeLessThanOrEqual(unit * 2 ** -8);
    }
  });
});

it('reads what the gguf package writes: logits of transformers within 1e-4', async () => {
  const { ids, logits } = json<{ ids: number[]; logits: string }>(golden('tiny.json'));
  const model = await imported(golden('tiny.gguf'));
  expect(json(join(model, 'config.json'))).toMatchObject({ model_type: 'llama', head_dim: 16, tie_word_embeddings: false });
  await expectLogits(model, ids, floatsOf(logits));
});

const hfNames: Record<string, string> = {
  'model.embed_tokens': 'token_embd', 'model.norm': 'output_norm', lm_head: 'output', input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm', 'self_attn.q_proj': 'attn_q', 'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v', 'self_attn.o_proj': 'attn_output', 'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm', 'mlp.gate_proj': 'ffn_gate', 'mlp.up_proj': 'ffn_up', 'mlp.down_proj': 'ffn_down',
};

function ggufName(name: string): string {
  const [, layer, module, kind] = /^(?:model\.layers\.(\d+)\.)?(.*)\.(weight|bias)$/.exec(name)!;
  return `${layer === undefined ? '' : `blk.${layer}.`}${hfNames[module]}.${kind}`;
}

interface HfConfig {
  model_type: string; hidden_size: number; intermediate_size: number; num_hidden_layers: number; num_attention_heads: number;
  num_key_value_heads: number; head_dim?: number; rms_norm_eps: number; rope_theta: number;
  rope_scaling?: Record<string, number> & { type?: string; rope_type?: string };
}

/** llama.cpp's converter on Llama 3's rule: a divisor for each frequency. */
function divisors(config: HfConfig, headDim: number): number[] {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: length } = config.rope_scaling!;
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const wave = 2 * Math.PI * config.rope_theta ** ((2 * i) / headDim);
    if (wave < length / high) return 1;
    if (wave > length / low) return factor;
    const smooth = (length / wave - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** A fixture of data/fixtures/hf as llama.cpp's converter would write it. */
function asGguf(name: string): gguf.FileSpec {
  const config = json<HfConfig>(join(fixture(name), 'config.json'));
  const a = config.model_type;
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  const bytes = readFileSync(join(fixture(name), 'model.safetensors'));
  const data = bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
  const header = JSON.parse(bytes.subarray(8, bytes.length - data.length).toString()) as object;
  const tensors = Object.entries(header).filter(([tensor]) => tensor !== '__metadata__').map(
    ([tensor, { dtype, shape, data_offsets: [from, to] }]: [string, { dtype: gguf.TypeName; shape: number[]; data_offsets: number[] }]) => {
      const raw = data.subarray(from, to);
      const rotary = a === 'llama' && /[qk]_proj/.test(tensor);
      const rows = rotary ? Buffer.concat(paired(chunks(raw, raw.length / shape[0]), headDim)) : raw;
      return { name: ggufName(tensor), shape, type: gguf.typeIds[dtype], data: rows };
    },
  );
  const { type: oldType, rope_type: rope = oldType, factor = 1, ...scaling } = config.rope_scaling ?? {};
  if (rope === 'llama3') {
    tensors.push({ name: 'rope_freqs.weight', shape: [headDim / 2], type: 0, data: gguf.floats(divisors(config, headDim)) });
  }
  const keys = [
    gguf.text('general.architecture', a),
    gguf.whole(`${a}.context_length`, 512),
    gguf.whole(`${a}.embedding_length`, config.hidden_size),
    gguf.whole(`${a}.feed_forward_length`, config.intermediate_size),
    gguf.whole(`${a}.block_count`, config.num_hidden_layers),
    gguf.whole(`${a}.attention.head_count`, config.num_attention_heads),
    gguf.whole(`${a}.attention.head_count_kv`, config.num_key_value_heads),
    gguf.whole(`${a}.attention.key_length`, headDim),
    gguf.whole(`${a}.attention.value_length`, headDim),
    gguf.real(`${a}.attention.layer_norm_rms_epsilon`, config.rms_norm_eps),
    gguf.real(`${a}.rope.freq_base`, config.rope_theta),
    ...(rope === 'linear' || rope === 'yarn' ? [gguf.text(`${a}.rope.scaling.type`, rope), gguf.real(`${a}.rope.scaling.factor`, factor)] : []),
    ...(rope === 'yarn' ? [gguf.whole(`${a}.rope.scaling.original_context_length`, scaling.original_max_position_embeddings)] : []),
  ];
  return { keys: Object.fromEntries(keys.map((row, i) => [i, row])), tensors };
}

// One file, of a family that has a layout, rope under the old keys (llama-yarn has the new ones).
const single = readdirSync(fixture('.')).filter(
  (name) => existsSync(join(fixture(name), 'model.safetensors')) && /^(llama|qwen)/.test(name) && !/new-keys|llama-yarn/.test(name),
);

it.each(single)('the checkpoint %s through GGUF and back: the same bytes, the logits of transformers', async (name) => {
  const model = await imported(asGguf(name));
  const original = tensorsOf(fixture(name));
  const got = tensorsOf(model);
  expect(Object.keys(got).sort()).toEqual(Object.keys(original).sort());
  for (const tensor of Object.keys(original)) expect(got[tensor], tensor).toEqual(original[tensor]);
  const expected = json<{ prompt: number[]; greedy: number[]; logits: string }>(join(fixture(name), 'expected.json'));
  await expectLogits(model, [...expected.prompt, ...expected.greedy], floatsOf(expected.logits));
});

it('has a layout for Qwen3: norms of queries and keys, rows in order, a head apart from the width', async () => {
  const spec = gguf.tinyFile();
  for (const [name, row] of Object.entries(spec.keys)) {
    delete spec.keys[name];
    if (name.startsWith('llama.')) spec.keys[name] = gguf.key(name.replace('llama', 'qwen3'), row.readUInt32LE(8 + name.length), row.subarray(12 + name.length));
  }
  spec.keys.architecture = gguf.text('general.architecture', 'qwen3');
  spec.keys.head = gguf.whole('qwen3.attention.key_length', 16);
  const norm = { shape: [16], type: 0, data: gguf.floats(Array.from({ length: 16 }, (_, i) => i)) };
  spec.tensors.push({ name: 'blk.0.attn_q_norm.weight', ...norm }, { name: 'blk.0.attn_k_norm.weight', ...norm });
  const model = await imported(spec);
  expect(json(join(model, 'config.json'))).toMatchObject({ model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'], head_dim: 16, attention_bias: false });
  const tensors = tensorsOf(model);
  expect(tensors['model.layers.0.self_attn.k_norm.weight']).toEqual({ dtype: 'F32', shape: [16], values: Float32Array.from({ length: 16 }, (_, i) => i) });
  const stored = spec.tensors.find(({ name }) => name === 'blk.0.attn_q.weight')!;
  expect(gguf.floats(tensors['model.layers.0.self_attn.q_proj.weight'].values).equals(stored.data)).toBe(true);
});

// What llama.cpp 0.3.36's Python binding gives for a Llama with these keys agrees with our engine on the folder with this field
// to the noise of its float16 cache: 0.6 % of the logits' deviation over 240 positions.
describe('rope scaling', () => {
  const real = (name: string, value: number): Buffer => gguf.real(`llama.rope.${name}`, value);
  const type = (value: string): Buffer => gguf.text('llama.rope.scaling.type', value);
  const linear = (factor: number): object => ({ rope_type: 'linear', factor });
  const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 };
  it.each<[string, Buffer[], object | undefined]>([
    ['linear', [type('linear'), real('scaling.factor', 4)], linear(4)],
    ['a factor without a type', [real('scaling.factor', 4)], linear(4)],
    ['the old key', [real('scale_linear', 4)], linear(4)],
    ['the old key beside the new one', [real('scale_linear', 4), real('scaling.factor', 2)], linear(2)],
    ['the old key beside a factor of 1', [real('scale_linear', 4), real('scaling.factor', 1)], undefined],
    ['none, whatever the factor', [type('none'), real('scaling.factor', 4)], undefined],
    ['yarn of the whole context', [type('yarn'), real('scaling.factor', 4)], yarn],
    [
      'yarn',
      [type('yarn'), real('scaling.factor', 4), gguf.whole('llama.rope.scaling.original_context_length', 16), real('scaling.yarn_beta_fast', 32)],
      { ...yarn, original_max_position_embeddings: 16 },
    ],
  ])('%s', async (_, keys, field) => {
    const spec = gguf.tinyFile();
    keys.forEach((key, i) => (spec.keys[`rope ${i}`] = key));
    const model = await imported(spec);
    expect(json<{ rope_scaling?: object }>(join(model, 'config.json')).rope_scaling).toEqual(field);
    (await openEngine({ model, threads: 1 })).dispose();
  });
});

describe('the folder', () => {
  const file = join(folder, 'tiny.gguf');

  it('holds what the file says of rope, ends and templates', async () => {
    const model = await imported(gguf.tinyFile());
    expect(json(join(model, 'config.json'))).toMatchObject({
      architectures: ['LlamaForCausalLM'], tie_word_embeddings: true, rms_norm_eps: 1e-5, rope_theta: 10000,
      max_position_embeddings: 64, vocab_size: 20, attention_bias: false, mlp_bias: false, eos_token_id: [0], torch_dtype: 'float32',
    });
    expect(json(join(model, 'generation_config.json'))).toEqual({ eos_token_id: [0] });
    const engine = await openEngine({ model, threads: 1 });
    expect(engine.info).toMatchObject({ family: 'llama', vocabSize: 20, eosIds: [0], weightsType: 'f32' });
    engine.dispose();
  });

  it('is not made where there is something, and not half made where the import is interrupted', async () => {
    gguf.save(file, gguf.tinyFile());
    const out = join(folder, 'taken');
    mkdirSync(out);
    writeFileSync(join(out, 'mine.txt'), '');
    await expect(importGguf({ file, out })).rejects.toMatchObject({ code: 'BAD_FILE', message: expect.stringContaining('mine.txt') });
    rmSync(join(out, 'mine.txt'));
    const stop = new AbortController();
    const onProgress = (done: number) => void (done === 5 && stop.abort());
    await expect(importGguf({ file, out, signal: stop.signal, onProgress })).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(out)).toEqual([]);
    await importGguf({ file, out });
    expect(readdirSync(out).sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
