/**
 * int8 matrices: how far they are from the weights, and that the engine computes with them what a plain forward pass in
 * double precision, written here from the published definition of Llama, computes with whole numbers times scales.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTensors, type Tensor } from '../embedding/tensors.js';
import { loadBinding } from '../engine/binding.js';
import { openEngine } from '../engine/engine.js';
import { isFiniteBf16, toBf16 } from '../engine/half.js';
import { writeSyntheticCheckpoint } from '../engine/synthetic.js';
import { fixture, full, request } from '../engine/testing.js';
import { planModel } from './plan.js';
import { quantizeModel, quantizeRow } from './quantize.js';

const model = fixture('llama-g4');
let folder: string, out: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quantize-'));
  out = join(folder, 'int8');
  await quantizeModel({ model, out });
});
afterAll(() => rmSync(folder, { recursive: true }));

const read = (from: string): Record<string, Tensor> =>
  readTensors(readFileSync(join(from, 'model.safetensors')), join(from, 'model.safetensors'));

it('rounds each row to the nearest of 255 steps, its largest weight at the end', () => {
  const whole = new Int8Array(5);
  expect(quantizeRow(Float32Array.of(1, -2, 0, 0.5, 1.99), whole)).toBe(Math.fround(2 / 127));
  expect([...whole]).toEqual([64, -127, 0, 32, 126]);
  expect(quantizeRow(new Float32Array(5), whole)).toBe(0);
  expect([...whole]).toEqual([0, 0, 0, 0, 0]);
});

it('keeps every tensor: matrices within half a step, embeddings and norms as they are', () => {
  const [before, after] = [read(model), read(out)];
  for (const [name, { shape, values }] of Object.entries(before)) {
    const scales = after[`${name}_scale`]?.values;
    expect(scales !== undefined, name).toBe(shape.length === 2 && !name.includes('embed'));
    for (let i = 0; i < values.length; i++) {
      const scale = scales ? scales[Math.floor(i / shape[1])] : 0;
      const error = Math.abs(values[i] - after[name].values[i] * (scales ? scale : 1));
      if (!(error <= 0.5001 * scale)) expect.fail(`${name}[${i}] is off by ${error}, scale ${scale}`);
    }
  }
});

it.each([['llama-g4', 'f32'], ['qwen2-bf16', 'bf16'], ['chatglm-g2', 'f32']] as const)('leaves %s its own type, %s, and is planned for what it holds', async (name, cache) => {
  const copy = join(folder, `${name}-int8`);
  await quantizeModel({ model: fixture(name), out: copy });
  const engine = await openEngine({ model: copy, threads: 1 });
  const { peakBytes } = (await engine.generate(request({ promptIds: [5, 9, 3], maxTokens: 30 })).result).cache;
  engine.dispose();
  const options = { model: copy, policy: full, batch: 1, prompt: 3, length: 30, copies: 1 } as const;
  expect(peakBytes).toBe((await planModel({ ...options, cache })).cacheBytes);
  const { weightsBytes, cacheBytes } = await planModel(options);
  expect([weightsBytes, cacheBytes]).toEqual([engine.info.weightsBytes, peakBytes]);
});

interface Config {
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim?: number;
  rms_norm_eps: number;
  rope_theta?: number;
  rope_parameters?: { rope_theta: number };
  tie_word_embeddings: boolean;
}

/** Logits of every position. */
function reference(config: Config, tensors: Record<string, Tensor>, ids: number[]): Float64Array[] {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, rms_norm_eps: epsilon } = config;
  const dim = config.head_dim ?? config.hidden_size / heads;
  const theta = config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000;
  const multiply = (name: string, x: Float64Array): Float64Array => {
    const { shape: [rows, cols], values } = tensors[name];
    const scales = tensors[`${name}_scale`]?.values;
    return Float64Array.from({ length: rows }, (_, r) => {
      let sum = 0;
      for (let k = 0; k < cols; k++) sum += values[r * cols + k] * x[k];
      return sum * (scales?.[r] ?? 1);
    });
  };
  const norm = (name: string, x: Float64Array): Float64Array => {
    const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + epsilon);
    return x.map((v, i) => v * scale * tensors[name].values[i]);
  };
  const rotate = (x: Float64Array, position: number): Float64Array =>
    x.map((v, i) => {
      const at = i % dim, half = dim / 2;
      const angle = position * theta ** (-2 * (at % half) / dim);
      return v * Math.cos(angle) + (at < half ? -x[i + half] : x[i - half]) * Math.sin(angle);
    });
  const width = config.hidden_size;
  const states = ids.map((id) => tensors['model.embed_tokens.weight'].values.slice(id * width, (id + 1) * width));
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = (name: string): string => `model.layers.${layer}.${name}.weight`;
    const keys: Float64Array[] = [], values: Float64Array[] = [];
    states.forEach((state, position) => {
      const x = norm(at('input_layernorm'), state);
      const query = rotate(multiply(at('self_attn.q_proj'), x), position);
      keys.push(rotate(multiply(at('self_attn.k_proj'), x), position));
      values.push(multiply(at('self_attn.v_proj'), x));
      const mixed = new Float64Array(heads * dim);
      for (let h = 0; h < heads; h++) {
        const kv = Math.floor((h * kvHeads) / heads) * dim;
        const weights = keys.map((key) => {
          let score = 0;
          for (let i = 0; i < dim; i++) score += query[h * dim + i] * key[kv + i];
          return Math.exp(score / Math.sqrt(dim));
        });
        const total = weights.reduce((a, b) => a + b, 0);
        values.forEach((value, e) => {
          for (let i = 0; i < dim; i++) mixed[h * dim + i] += (weights[e] / total) * value[kv + i];
        });
      }
      multiply(at('self_attn.o_proj'), mixed).forEach((v, i) => (state[i] += v));
      const y = norm(at('post_attention_layernorm'), state);
      const up = multiply(at('mlp.up_proj'), y);
      const gated = multiply(at('mlp.gate_proj'), y).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]);
      multiply(at('mlp.down_proj'), gated).forEach((v, i) => (state[i] += v));
    });
  }
  const head = config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  return states.map((state) => multiply(head, norm('model.norm.weight', state)));
}

it.each(loadBinding().simd())('%s: logits within 1e-4 of the plain reference', async (simd) => {
  const ids = Array.from({ length: 24 }, (_, i) => (i * 29) % 64);
  const expected = reference(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Config, read(out), ids);
  const engine = await openEngine({ model: out, threads: 2, simd });
  const logits = await engine.logits(ids);
  engine.dispose();
  expect(engine.info.weightsType).toBe('int8');
  const vocab = expected[0].length;
  const worst = logits.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[Math.floor(i / vocab)][i % vocab])), 0);
  expect(worst).toBeLessThan(1e-4);
});

it('rounds to the nearest bfloat16, ties to even', () => {
  // By hand: between 1 and 2 its steps are 2^-7, so that 1 + 2^-8 and 1 + 3·2^-8 lie half way.
  const step = 2 ** -7;
  const values = Float32Array.of(1, 1 + step / 2, 1 + 1.5 * step, 1 + 0.51 * step, -1 - step, 0, 3.4e38, Infinity, NaN);
  expect([...toBf16(values)].slice(0, 6)).toEqual([0x3f80, 0x3f80, 0x3f82, 0x3f81, 0xbf81, 0]);
  expect([...toBf16(values)].map(isFiniteBf16)).toEqual([true, true, true, true, true, true, false, false, false]);
});

describe('16 bits', () => {
  let rounded: string;
  beforeAll(async () => void (await quantizeModel({ model, out: (rounded = join(folder, 'rounded')), bits: 16 })));

  it('rounds every tensor', () => {
    const [before, after] = [read(model), read(rounded)];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    for (const [name, { shape, values }] of Object.entries(before)) {
      expect(after[name].shape).toEqual(shape);
      const far = values.findIndex((value, i) => !(Math.abs(after[name].values[i] - value) <= Math.abs(value) * 2 ** -8));
      expect(far, name).toBe(-1);
    }
    const { torch_dtype: type } = JSON.parse(readFileSync(join(rounded, 'config.json'), 'utf8')) as { torch_dtype: string };
    expect(type).toBe('bfloat16');
  });

  it('gives an engine of bfloat16 the logits of the plain reference', async () => {
    const ids = Array.from({ length: 24 }, (_, i) => (i * 29) % 64);
    const engine = await openEngine({ model: rounded, threads: 1, cache: 'f32' });
    const logits = await engine.logits(ids);
    engine.dispose();
    expect(engine.info.weightsType).toBe('bf16');
    const config = JSON.parse(readFileSync(join(rounded, 'config.json'), 'utf8')) as Config;
    const expected = reference(config, read(rounded), ids).flatMap((row) => [...row]);
    expect(Math.max(...logits.map((x, i) => Math.abs(x - expected[i])))).toBeLessThan(1e-4);
  });

  it('refuses what is bfloat16 already, and int8', async () => {
    const refused = { code: 'BAD_CONFIG' };
    await expect(quantizeModel({ model: rounded, out: join(folder, 'again'), bits: 16 })).rejects.toMatchObject(refused);
    await expect(quantizeModel({ model: out, out: join(folder, 'again'), bits: 16 })).rejects.toMatchObject(refused);
  });
});

it('is the same alone and in a batch', async () => {
  const requests = Array.from({ length: 6 }, (_, i) => request({ promptIds: [3, 7 + i, 11], maxTokens: 30, stream: [i, 0] }));
  const [one, many] = [await openEngine({ model: out, threads: 1 }), await openEngine({ model: out, threads: 3 })];
  const together = await many.generateMany(requests, { batch: 6 });
  for (const [i, each] of requests.entries()) expect(together[i].ids).toEqual((await one.generate(each).result).ids);
  [one, many].forEach((engine) => engine.dispose());
});

it('quantizes bfloat16 too, and refuses what is quantized, what is taken and what is not a number', async () => {
  const bf16 = join(folder, 'bf16');
  writeSyntheticCheckpoint(bf16, { hidden: 32, layers: 1, heads: 2, kvHeads: 1, intermediate: 40, vocab: 50 });
  const report = await quantizeModel({ model: bf16, out: join(folder, 'bf16-int8') });
  expect(report).toMatchObject({ tensors: 11, quantized: 7 });
  expect(report.bytesAfter).toBeLessThan(report.bytesBefore);
  const engine = await openEngine({ model: join(folder, 'bf16-int8') });
  expect((await engine.logits([1, 2])).every(Number.isFinite)).toBe(true);
  engine.dispose();
  await expect(quantizeModel({ model: out, out: join(folder, 'twice') })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  await expect(quantizeModel({ model, out })).rejects.toMatchObject({ code: 'BAD_FILE' });
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as object;
  writeFileSync(join(out, 'config.json'), JSON.stringify({ ...config, quantization_config: { quant_method: 'gptq' } }));
  await expect(openEngine({ model: out })).rejects.toMatchObject({ code: 'BAD_CONFIG', message: expect.stringContaining('"gptq"') });
  expect(Number.isFinite(quantizeRow(Float32Array.of(1, Number.NaN), new Int8Array(2)))).toBe(false);
});

it('takes a folder of links for one of files, as a cache of Hugging Face’s is', async () => {
  const links = join(folder, 'links');
  mkdirSync(links);
  for (const name of readdirSync(model)) symlinkSync(join(model, name), join(links, name));
  mkdirSync(join(links, 'more'));
  for (const name of ['tokenizer.json', 'generation_config.json']) {
    writeFileSync(join(folder, name), `{"of": "${name}"}`);
    rmSync(join(links, name), { force: true });
    symlinkSync(join(folder, name), join(links, name));
  }
  await quantizeModel({ model: links, out: join(folder, 'links-int8') });
  const names = readdirSync(links).filter((name) => name !== 'more');
  expect(readdirSync(join(folder, 'links-int8')).sort()).toEqual(names.sort());
  for (const name of ['tokenizer.json', 'generation_config.json']) {
    expect(readFileSync(join(folder, 'links-int8', name), 'utf8')).toBe(`{"of": "${name}"}`);
  }
});

describe('a checkpoint in shards', () => {
  const header = (entries: unknown): Buffer => {
    const json = Buffer.from(JSON.stringify(entries));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json]);
  };
  const tensor = (name: string, shape: number[], values: number[]): Buffer =>
    Buffer.concat([header({ [name]: { dtype: 'F32', shape, data_offsets: [0, 4 * values.length] } }), Buffer.from(Float32Array.from(values).buffer)]);
  let made = 0;
  /** A folder with the shards a and b, of which either may be left out. */
  const sharded = (a: Buffer, b?: Buffer): { model: string; out: string } => {
    const at = join(folder, `shards-${made++}`);
    mkdirSync(at);
    writeFileSync(join(at, 'config.json'), readFileSync(join(model, 'config.json')));
    writeFileSync(join(at, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { x: 'a.safetensors', y: 'b.safetensors' } }));
    writeFileSync(join(at, 'a.safetensors'), a);
    if (b) writeFileSync(join(at, 'b.safetensors'), b);
    return { model: at, out: `${at}-int8` };
  };
  const x = tensor('x.weight', [1, 2], [1, -2]);

  it('is written into one file, a number without dimensions too', async () => {
    const both = sharded(x, tensor('y', [], [0.25]));
    expect(await quantizeModel(both)).toMatchObject({ tensors: 2, quantized: 1, bytesBefore: 12, bytesAfter: 4 + 4 + 2 });
    expect([...read(both.out).y.values]).toEqual([0.25]);
  });

  it.each<[string, string, string, Buffer | undefined]>([
    ['a shard that is not there', 'BAD_FILE', 'b.safetensors', undefined],
    ['a header that is null', 'BAD_TENSOR', 'b.safetensors: its header is no JSON object', header(null)],
    ['a header that is a list', 'BAD_TENSOR', 'b.safetensors: its header is no JSON object', header([])],
    ['a file of four bytes', 'BAD_TENSOR', 'b.safetensors: ends at byte 4, of 8', Buffer.alloc(4)],
    ['a tensor of one name in both', 'BAD_TENSOR', 'tensor "x.weight" stands in', x],
  ])('with %s is refused', async (_, code, said, b) => {
    const both = sharded(x, b);
    await expect(quantizeModel(both)).rejects.toMatchObject({ code, message: expect.stringContaining(said) });
    expect(readdirSync(folder).filter((name) => name === basename(both.out) || name.endsWith('.part'))).toEqual([]);
  });
});
