/** Bad input: each gives a typed error with its code, naming the thing; nothing crashes, hangs or falls back. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hashWeights, readCheckpoint } from './checkpoint.js';
import { openEngine, versions } from './engine.js';
import { fixture, greedy, recency, request, rpc } from './testing.js';
import type { Engine, EngineOptions, GenerateRequest } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const root = mkdtempSync(join(tmpdir(), 'pathpress-errors-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy of a fixture that a test may spoil. */
function copyOf(name: string): string {
  const folder = mkdtempSync(join(root, 'copy-'));
  for (const file of readdirSync(fixture(name))) copyFileSync(join(fixture(name), file), join(folder, file));
  return folder;
}

type Json = Record<string, unknown>;
function withConfig(name: string, edit: (config: Json) => void): string {
  const folder = copyOf(name);
  const path = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Json;
  edit(config);
  writeFileSync(path, JSON.stringify(config));
  return folder;
}

function withWeights(name: string, edit: (bytes: Buffer) => Buffer): string {
  const folder = copyOf(name);
  const path = join(folder, 'model.safetensors');
  writeFileSync(path, edit(readFileSync(path)));
  return folder;
}

const opening = (model: string, options: Partial<EngineOptions> = {}): Promise<Engine> => openEngine({ model, threads: 1, ...options });

describe('a checkpoint is refused', () => {
  const bad: [string, () => string, string, RegExp][] = [
    ['that is not there', () => join(root, 'absent'), 'BAD_FILE', /config\.json/],
    ['whose config is not JSON', () => edited('config.json', '{"model_type":'), 'BAD_JSON', /config\.json/],
    ['whose config is not UTF-8', () => edited('config.json', Buffer.from([0x7b, 0xff, 0x7d])), 'BAD_UTF8', /config\.json/],
    ['without a field', () => withConfig('llama-g4', (c) => delete c.hidden_size), 'BAD_CONFIG', /hidden_size/],
    ['of a wrong type', () => withConfig('llama-g4', (c) => (c.num_hidden_layers = '2')), 'BAD_CONFIG', /num_hidden_layers "2"/],
    ['of an unknown family', () => withConfig('llama-g4', (c) => (c.model_type = 'mamba')), 'UNKNOWN_FAMILY', /"mamba"/],
    ['of another width', () => withConfig('llama-g4', (c) => (c.intermediate_size = 57)), 'BAD_TENSOR', /\[56, 32\].*\[57, 32\]/],
    ['of more layers', () => withConfig('llama-g4', (c) => (c.num_hidden_layers = 3)), 'BAD_TENSOR', /model\.layers\.2\./],
    ['of fewer layers', () => withConfig('llama-g4', (c) => (c.num_hidden_layers = 1)), 'BAD_CONFIG', /config\.json: num_hidden_layers 1 .*"model\.layers\.1\.input_layernorm\.weight"/],
    ['of more than 32 bits', () => withConfig('llama-g4', (c) => (c.hidden_size = 2 ** 32 + 32)), 'BAD_CONFIG', /hidden_size 4294967328/],
    ['of a rope base beyond float32', () => withConfig('llama-g4', (c) => (c.rope_theta = 1e300)), 'BAD_CONFIG', /rope_theta 1e\+300/],
    ['of heads that do not divide', () => withConfig('llama-g4', (c) => (c.num_key_value_heads = 3)), 'BAD_CONFIG', /num_key_value_heads 3/],
    ['of an odd head', () => withConfig('llama-g4', (c) => (c.head_dim = 5)), 'BAD_CONFIG', /head_dim 5/],
    ['of an unknown rope scaling', () => withConfig('llama-g4', (c) => (c.rope_scaling = { type: 'longrope', factor: 4 })), 'BAD_CONFIG', /"longrope"/],
    ['of a share of a head', () => withConfig('llama-g4', (c) => (c.partial_rotary_factor = 0.5)), 'BAD_CONFIG', /partial_rotary_factor 0\.5 .*llama/],
    ['of a share that is odd', () => withConfig('glm4-g2', (c) => (c.partial_rotary_factor = 0.32)), 'BAD_CONFIG', /partial_rotary_factor 0\.32 of head_dim 16 is 5/],
    ['of ChatGLM without a field', () => withConfig('chatglm-g2', (c) => delete c.kv_channels), 'BAD_CONFIG', /kv_channels undefined/],
    ['of ChatGLM without groups', () => withConfig('chatglm-g2', (c) => (c.multi_query_attention = false)), 'BAD_CONFIG', /multi_query_attention false/],
    ['of ChatGLM with other groups', () => withConfig('chatglm-g2', (c) => (c.multi_query_group_num = 4)), 'BAD_TENSOR', /query_key_value\.weight".*\[128, 32\].*\[192, 32\]/],
    ['with a sliding window', () => withConfig('qwen2-g1', (c) => Object.assign(c, { use_sliding_window: true, max_window_layers: 1 })), 'BAD_CONFIG', /use_sliding_window/],
    ['tied, with an output of its own', () => withConfig('llama-g4', (c) => (c.tie_word_embeddings = true)), 'BAD_CONFIG', /tie_word_embeddings true, but tensor "lm_head\.weight"/],
    ['that ends at no token', () => rid(withConfig('llama-g4', (c) => (c.eos_token_id = [2, -1])), 'generation_config.json'), 'BAD_CONFIG', /\/config\.json: eos_token_id -1 is outside the vocabulary of 64/],
    ['that ends beyond its vocabulary', () => edited('generation_config.json', '{"eos_token_id":64}'), 'BAD_CONFIG', /generation_config\.json: eos_token_id 64/],
    ['of too large a group', () => withConfig('llama-g4', (c) => Object.assign(c, { num_attention_heads: 33, num_key_value_heads: 1, head_dim: 8 })), 'BAD_CONFIG', /33 query heads/],
    ['of another activation', () => withConfig('llama-g4', (c) => (c.hidden_act = 'gelu')), 'BAD_CONFIG', /gelu/],
    ['with a bias it does not have', () => withConfig('llama-g4', (c) => (c.attention_bias = true)), 'BAD_TENSOR', /q_proj\.bias/],
    ['cut in its data', () => withWeights('llama-g4', (b) => b.subarray(0, b.length - 5)), 'BAD_TENSOR', /model\.safetensors/],
    ['cut in its header', () => withWeights('llama-g4', (b) => b.subarray(0, 100)), 'BAD_FILE', /model\.safetensors/],
    ['with NaN', () => withWeights('llama-g4', (b) => (b.writeFloatLE(NaN, b.length - 4), b)), 'BAD_WEIGHTS', /tensor ".+" holds NaN/],
    ['whose header lies', () => withWeights('llama-g4', (b) => (b.writeBigUInt64LE(2n ** 63n), b)), 'BAD_FILE', /length 9223372036854775808/],
    ['whose shard is missing', () => without('llama-bf16-sharded', 'model-00002-of-00002.safetensors'), 'BAD_FILE', /00002/],
    ['whose shard is elsewhere', () => edited('model.safetensors.index.json', '{"weight_map":{"a":"../a.safetensors"}}', 'llama-bf16-sharded'), 'BAD_CONFIG', /\.\.\/a/],
    ['whose config is a pipe', () => piped('config.json'), 'BAD_FILE', /config\.json: not a regular file/],
    ['whose weights are a pipe', () => piped('model.safetensors'), 'BAD_FILE', /model\.safetensors: not a regular file/],
    ['without weights', () => without('llama-g4', 'model.safetensors'), 'BAD_FILE', /model\.safetensors/],
  ];
  function edited(file: string, content: string | Buffer, name = 'llama-g4'): string {
    const folder = copyOf(name);
    writeFileSync(join(folder, file), content);
    return folder;
  }
  function piped(file: string): string {
    const folder = without('llama-g4', file);
    execFileSync('mkfifo', [join(folder, file)]);
    return folder;
  }
  function without(name: string, file: string): string {
    return rid(copyOf(name), file);
  }
  function rid(folder: string, file: string): string {
    rmSync(join(folder, file));
    return folder;
  }

  it.each(bad)('%s', async (_, make, code, message) => {
    await expect(opening(make())).rejects.toMatchObject({ name: 'PathPressError', code, message: expect.stringMatching(message) });
  });
});

/** Offsets of a safetensors file's tensors, from the file's beginning. */
function spans(bytes: Buffer): (name: string) => [begin: number, end: number] {
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, { data_offsets: [number, number] }>;
  return (name) => [start + header[name].data_offsets[0], start + header[name].data_offsets[1]];
}

it.each<[string, () => string]>([
  ['tied, with the embedding written twice', () => {
    const model = withConfig('llama-g4', (c) => (c.tie_word_embeddings = true)), path = join(model, 'model.safetensors'), bytes = readFileSync(path), span = spans(bytes);
    bytes.copy(bytes, span('lm_head.weight')[0], ...span('model.embed_tokens.weight'));
    writeFileSync(path, bytes);
    return model;
  }],
  ['with a window that no layer has', () => withConfig('qwen2-g1', (c) => (c.use_sliding_window = true))],
  ['whose activation is called swish', () => withConfig('llama-g4', (c) => (c.hidden_act = 'swish'))],
])('a checkpoint is taken %s', async (_, make) => (await opening(make())).dispose()); // prettier-ignore

it('tensors that no family reads may be there, of whatever layer', async () => {
  const model = withWeights('llama-g4', (bytes) => {
    const start = 8 + Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, start)) as Json;
    const end = bytes.length - start;
    const extra = ['model.layers.1.self_attn.rotary_emb.inv_freq', 'model.layers.2.self_attn.rotary_emb.inv_freq', 'model.layers.x'];
    extra.forEach((name, i) => (header[name] = { dtype: 'F32', shape: [1], data_offsets: [end + 4 * i, end + 4 * i + 4] }));
    const text = JSON.stringify(header).padEnd(start + 1000);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
    return Buffer.concat([length, Buffer.from(text), bytes.subarray(start), Buffer.alloc(4 * extra.length)]);
  });
  await (await opening(model)).dispose();
});

it('finite weights whose logits overflow give an error with the token, not a token', async () => {
  const model = withWeights('llama-g4', (bytes) => {
    const [begin, end] = spans(bytes)('lm_head.weight');
    for (let at = begin; at < end; at += 4) bytes.writeFloatLE(3e38, at);
    return bytes;
  });
  const engine = await opening(model);
  await expect(engine.generate(request()).result).rejects.toMatchObject({ code: 'BAD_LOGITS', message: expect.stringMatching(/request 0, token 1: .*NaN or infinity/) });
  await expect(engine.logits([1])).rejects.toMatchObject({ code: 'BAD_LOGITS', message: expect.stringMatching(/position 0: /) });
  engine.dispose();
});

describe('an option is refused', () => {
  const model = fixture('llama-g4');
  it.each<[Partial<EngineOptions>, RegExp]>([
    [{ threads: 0 }, /threads 0/],
    [{ threads: 1.5 }, /threads 1.5/],
    [{ cache: 'int3' as 'f32' }, /cache "int3"/],
    [{ device: 'tpu' as 'cpu' }, /device "tpu"/],
    [{ device: 'cuda', cache: 'f32' }, /cache f32: device cuda/],
    [{ device: 'cuda', products: 'float32' }, /products float32: device cuda/],
    [{ device: 'cuda', simd: 'avx2' }, /simd avx2/],
    [{ products: 'f16' as 'bf16' }, /products "f16"/],
    [{ simd: 'neon' }, /simd "neon"/],
    [{ cacheLimit: -1 }, /cacheLimit -1/],
    [{ prefillRows: 0 }, /prefillRows 0/],
    [{ model: '' }, /model/],
  ])('%o', async (options, message) => {
    await expect(opening(model, options)).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringMatching(message) });
  });
});

describe('a request is refused', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await opening(fixture('llama-g4'));
  });
  afterAll(() => engine.dispose());

  const sampling = (change: Partial<typeof greedy>): Partial<GenerateRequest> => ({ sampling: { ...greedy, ...change } });
  it.each<[Partial<GenerateRequest>, string, RegExp]>([
    [{ promptIds: [] }, 'BAD_PROMPT', /no ids/],
    [{ promptIds: [1, 64] }, 'BAD_PROMPT', /id 64 at index 1 .* 64/],
    [{ promptIds: [-1] }, 'BAD_PROMPT', /id -1 at index 0/],
    [{ promptIds: [1.5] }, 'BAD_PROMPT', /id 1.5 at index 0/],
    [{ promptIds: [1, NaN] }, 'BAD_PROMPT', /id NaN at index 1/],
    [{ promptIds: [2 ** 32] }, 'BAD_PROMPT', /id 4294967296/],
    [{ maxTokens: 0 }, 'BAD_OPTION', /maxTokens 0/],
    [{ maxTokens: Infinity }, 'BAD_OPTION', /maxTokens Infinity/],
    [{ stream: [1, 2 ** 31] }, 'BAD_OPTION', /stream/],
    [{ stopIds: [-3] }, 'BAD_OPTION', /stopIds: -3/],
    [sampling({ temperature: -0.1 }), 'BAD_OPTION', /temperature -0.1/],
    [sampling({ temperature: NaN }), 'BAD_OPTION', /temperature NaN/],
    [sampling({ topP: 0 }), 'BAD_OPTION', /topP 0/],
    [sampling({ topP: 1.1 }), 'BAD_OPTION', /topP 1.1/],
    [sampling({ topK: -1 }), 'BAD_OPTION', /topK -1/],
    [sampling({ minP: 2 }), 'BAD_OPTION', /minP 2/],
    [sampling({ seed: -1 }), 'BAD_OPTION', /seed -1/],
    [{ policy: rpc({ window: 0 }) }, 'BAD_OPTION', /window 0/],
    [{ policy: rpc({ interval: 0 }) }, 'BAD_OPTION', /interval 0/],
    [{ policy: rpc({ interval: 1.5 }) }, 'BAD_OPTION', /interval 1.5/],
    [{ policy: rpc({ ratio: 0.5 }) }, 'BAD_OPTION', /ratio 0.5/],
    [{ policy: rpc({ ratio: NaN }) }, 'BAD_OPTION', /ratio NaN/],
    [{ policy: rpc({ kernel: 4 }) }, 'BAD_OPTION', /kernel 4/],
    [{ policy: rpc({ aggregation: 'token' as 'head' }) }, 'BAD_OPTION', /aggregation token/],
    [{ policy: recency({ budget: 'cap', keep: 8, ratio: undefined }) }, 'BAD_OPTION', /keep 8/],
    [{ policy: { interval: 16, window: 4, ratio: 2 } as never }, 'BAD_OPTION', /policy missing: unknown/],
    [{ policy: 'rpc' as never }, 'BAD_OPTION', /policy rpc is not an object/],
    [{ policy: { ...recency(), intervall: 3 } as never }, 'BAD_OPTION', /intervall 3/],
    [{ policy: { ...recency(), drawSeed: -5 } as never }, 'BAD_OPTION', /drawSeed -5/],
    [{ policy: { ...recency(), interval: 16n } as never }, 'BAD_OPTION', /interval 16/],
    [{ stopIds: [undefined] as never }, 'BAD_OPTION', /stopIds: undefined/],
    [{ sampling: null as never }, 'BAD_OPTION', /sampling null/],
    [{ signal: {} as never }, 'BAD_OPTION', /signal/],
    [{ promptIds: null as never }, 'BAD_PROMPT', /no ids/],
    [{ policy: { name: 'h3o' } as never }, 'BAD_OPTION', /h3o/],
  ])('%o', async (change, code, message) => {
    const expected = { name: 'PathPressError', code, message: expect.stringMatching(message) };
    expect(() => engine.generate(request(change))).toThrow(expect.objectContaining(expected));
    await expect(engine.generateMany([request(), request(change)])).rejects.toMatchObject(expected);
  });

  it('batch and ids likewise', async () => {
    await expect(engine.generateMany([request()], { batch: 0 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await expect(engine.logits([64])).rejects.toMatchObject({ code: 'BAD_PROMPT' });
  });

  it('and the engine goes on', async () => {
    expect((await engine.generate(request()).result).ids).toHaveLength(40);
  });
});

describe('what a folder says', () => {
  it('gives its facts', async () => {
    const engine = await opening(fixture('llama-bf16-sharded'));
    expect(engine.info).toMatchObject({ family: 'llama', layers: 2, weightsType: 'bf16', eosIds: [2] });
    const { weightFiles } = await readCheckpoint(fixture('llama-bf16-sharded'));
    expect(weightFiles).toHaveLength(2);
    expect(engine.info.weightsHash).toBe(await hashWeights(weightFiles));
    expect(engine.info.weightsHash).toMatch(/^[0-9a-f]{64}$/);
    engine.dispose();
  });

  it('is not hashed where it is a pipe', async () => {
    const pipe = join(mkdtempSync(join(root, 'pipe-')), 'model.safetensors');
    execFileSync('mkfifo', [pipe]);
    await expect(hashWeights([pipe])).rejects.toMatchObject({ code: 'BAD_FILE', message: `${pipe}: not a file` });
  });

  it('is hashed anew after a hash that was given up', async () => {
    const files = [join(fixture('qwen3-g2'), 'model.safetensors')];
    await expect(hashWeights(files, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    const [file] = files;
    expect(await hashWeights(files)).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
  });

  it('versions name engine, instruction set and whether there is a GPU', () => {
    const { engine, simd, cuda, whyNoCuda } = versions();
    expect(engine).toMatch(/^\d+\.\d+\.\d+$/);
    expect(simd).not.toBe('');
    expect(cuda).toBe(whyNoCuda === undefined);
    expect(whyNoCuda).not.toBe('');
  });

  it.skipIf(versions().cuda)('says why there is no GPU', async () => {
    const { whyNoCuda } = versions();
    await expect(opening(fixture('llama-g4'), { device: 'cuda' })).rejects.toMatchObject({
      code: 'CUDA_UNAVAILABLE',
      exitStatus: 1,
      message: `device cuda: ${whyNoCuda}`,
    });
  });
});
