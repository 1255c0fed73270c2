/** Reads what a folder in Hugging Face layout says of its model: config.json, the list of weight files, their hash. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { exists, parseAs, readJson } from '../json-file.js';
import type { NativeConfig } from './binding.js';
import { PathPressError } from './errors.js';
import { withCommonNames } from './chatglm-config.js';
import { readGenerationConfig } from './generation-config.js';

const count = z.number().int().positive().max(2 ** 31 - 1); // as the engine holds it
const ids = z.union([z.number().int(), z.array(z.number().int())]).nullish();

const ropeSchema = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: z.number().positive().optional(),
  partial_rotary_factor: z.number().positive().optional(),
  beta_fast: z.number().nonnegative().nullish(),
  beta_slow: z.number().nonnegative().nullish(),
  truncate: z.boolean().optional(),
  attention_factor: z.number().positive().nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
});

const configSchema = z.object({
  model_type: z.string(),
  num_hidden_layers: count,
  hidden_size: count,
  intermediate_size: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  rms_norm_eps: z.number().positive().optional(),
  max_position_embeddings: z.number().positive().optional(),
  original_max_position_embeddings: z.number().positive().optional(),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema.nullish(),
  /** What transformers 5 writes in place of the two before. */
  rope_parameters: ropeSchema.nullish(),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().default(false),
  hidden_act: z.string().default('silu'),
  is_causal: z.boolean().default(true),
  use_sliding_window: z.boolean().default(false),
  sliding_window: z.number().nullish(),
  max_window_layers: z.number().default(28),
  layer_types: z.array(z.string()).nullish(),
  partial_rotary_factor: z.number().positive().optional(),
  quantization_config: z.record(z.string(), z.unknown()).nullish(),
});

type Config = z.infer<typeof configSchema>;

/** What transformers takes where config.json says nothing (modeling code of 5.24), if it is not what all others take. */
const glm = { rms_norm_eps: 1.5625e-7, num_key_value_heads: 2, head_dim: 128, attention_bias: true };
const defaults: Readonly<Record<string, Partial<Config>>> = { glm, glm4: glm, qwen3: { head_dim: 128 } };

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * What config.json's quantization_config says of weights that `model quantize` wrote: matrices of products in I8, beside
 * each a tensor "<name>_scale" of a float32 a row.
 */
export const int8Rows = { quant_method: 'pathpress-int8-rows', bits: 8 } as const;

export interface Checkpoint {
  config: NativeConfig;
  weightFiles: string[];
  eosIds: number[];
}

export const toIds = (value: z.infer<typeof ids>): number[] => (value == null ? [] : Array.isArray(value) ? value : [value]);

function toNativeConfig(given: Config, path: string): NativeConfig {
  const own = Object.fromEntries(Object.entries(given).filter(([, value]) => value != null));
  const config: Config = { ...given, ...defaults[given.model_type], ...own };
  const refuse = (what: string): never => {
    throw new PathPressError('BAD_CONFIG', `${path}: ${what} is not supported`);
  };
  if (config.hidden_act !== 'silu' && config.hidden_act !== 'swish') refuse(`hidden_act "${config.hidden_act}"`);
  if (!config.is_causal) refuse('is_causal false');
  // Layers from max_window_layers on, as transformers takes it.
  const windowed = config.use_sliding_window && config.sliding_window !== null && config.num_hidden_layers > config.max_window_layers;
  if (windowed && !config.layer_types) refuse('use_sliding_window true');
  const partial = config.layer_types?.find((type) => type !== 'full_attention');
  if (partial !== undefined) refuse(`layer_types "${partial}"`);
  const { quant_method: method, ...quantized } = config.quantization_config ?? { quant_method: int8Rows.quant_method };
  if (method !== int8Rows.quant_method) refuse(`quantization_config of quant_method ${JSON.stringify(method)}`);
  if ('bits' in quantized && quantized.bits !== int8Rows.bits) refuse(`quantization_config of ${String(quantized.bits)} bits`);
  const [scaling, parameters] = [ropeOf(config, config.rope_scaling), ropeOf(config, config.rope_parameters)];
  if (config.rope_scaling && config.rope_parameters && !isDeepStrictEqual(scaling, parameters))
    refuse(`rope_scaling ${JSON.stringify(config.rope_scaling)} beside rope_parameters ${JSON.stringify(config.rope_parameters)}, which says something else,`);
  const rope = config.rope_parameters ? parameters : scaling;
  const said = { ...config.rope_scaling, ...config.rope_parameters };
  const missing = (neededByRope[rope.ropeScaling.type] ?? []).find((key) => said[key] === undefined);
  if (missing) refuse(`rope_scaling ${rope.ropeScaling.type} without ${missing}`);
  return {
    family: config.model_type,
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    intermediate: config.intermediate_size,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads ?? config.num_attention_heads,
    headDim: config.head_dim ?? Math.floor(config.hidden_size / config.num_attention_heads),
    vocab: config.vocab_size,
    normEpsilon: config.rms_norm_eps ?? 1e-6,
    ...rope,
    tiedEmbeddings: config.tie_word_embeddings,
    attentionBias: config.attention_bias ?? false,
    mlpBias: config.mlp_bias,
  };
}

/** A rotation as one of the two places says it; where a scaled model was trained on fewer positions, as transformers looks for them. */
function ropeOf(config: Config, rope: Config['rope_scaling']): Pick<NativeConfig, 'ropeTheta' | 'ropeFraction' | 'ropeScaling'> {
  return {
    ropeTheta: rope?.rope_theta ?? config.rope_theta ?? 10000,
    ropeFraction: rope?.partial_rotary_factor ?? config.partial_rotary_factor ?? 0,
    ropeScaling: {
      type: rope?.rope_type ?? rope?.type ?? 'default',
      factor: rope?.factor ?? 1,
      lowFrequencyFactor: rope?.low_freq_factor ?? 1,
      highFrequencyFactor: rope?.high_freq_factor ?? 4,
      originalPositions: config.original_max_position_embeddings ?? rope?.original_max_position_embeddings ?? config.max_position_embeddings ?? 8192,
      betaFast: rope?.beta_fast || 32,
      betaSlow: rope?.beta_slow || 1,
      truncate: rope?.truncate ?? true,
      attentionFactor: attentionFactor(rope),
    },
  };
}

const neededByRope: Readonly<Record<string, readonly (keyof z.infer<typeof ropeSchema>)[]>> = {
  linear: ['factor'], llama3: ['factor', 'low_freq_factor', 'high_freq_factor'], yarn: ['factor'],
}; // prettier-ignore

/** What YaRN multiplies cosine and sine by, as transformers 5.24 has it (`attn_factor` means nothing to it either). */
function attentionFactor(rope: Config['rope_scaling']): number {
  if ((rope?.rope_type ?? rope?.type) !== 'yarn') return 1;
  const { factor = 1, attention_factor: given, mscale, mscale_all_dim: all } = rope!;
  const scale = (by: number): number => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
  return given ?? (mscale && all ? scale(mscale) / scale(all) : scale(1));
}

/** Paths of a folder's weight files, in order: a single file goes before shards, as in transformers. @throws BAD_FILE, BAD_JSON, BAD_CONFIG */
export async function findWeightFiles(folder: string): Promise<string[]> {
  const index = join(folder, 'model.safetensors.index.json');
  const single = join(folder, 'model.safetensors');
  if (await exists(single)) return [single];
  if (!(await exists(index))) throw new PathPressError('BAD_FILE', `${single}: no such file, and no index of shards`);
  const { weight_map: map } = parseAs(indexSchema, await readJson(index), index);
  const names = [...new Set(Object.values(map))].sort();
  const outside = names.find((name) => basename(name) !== name || name === '..');
  if (outside !== undefined) throw new PathPressError('BAD_CONFIG', `${index}: shard "${outside}" is not a plain file name`);
  if (names.length === 0) throw new PathPressError('BAD_CONFIG', `${index}: weight_map is empty`);
  return names.map((name) => join(folder, name));
}

/**
 * What the engine wants to know of a config.json, parsed already; `path` is for messages.
 * @throws BAD_CONFIG
 */
export const readConfig = (json: unknown, path: string): NativeConfig =>
  toNativeConfig(parseAs(configSchema, withCommonNames(json, path), path), path);

/** @throws BAD_FILE, BAD_UTF8, BAD_JSON, BAD_CONFIG */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const path = join(folder, 'config.json');
  const json = await readJson(path);
  const { eos_token_id } = parseAs(z.object({ eos_token_id: ids }), json, path);
  const generation = await readGenerationConfig(folder, z.object({ eos_token_id: ids }));
  const config = readConfig(json, path), eosIds = toIds(generation?.eos_token_id ?? eos_token_id); // prettier-ignore
  const outside = eosIds.find((id) => id < 0 || id >= config.vocab);
  if (outside !== undefined) {
    const place = generation?.eos_token_id == null ? path : join(folder, 'generation_config.json');
    throw new PathPressError('BAD_CONFIG', `${place}: eos_token_id ${outside} is outside the vocabulary of ${config.vocab}`);
  }
  return { config, weightFiles: await findWeightFiles(folder), eosIds };
}

const hashes = new Map<string, Promise<string>>();

/**
 * SHA-256 over the weight files in order, hexadecimal; remembered by path, size and time of change.
 * @throws BAD_FILE of what is no file (a pipe would never end), what reading throws, or an AbortError
 */
export async function hashWeights(files: string[], signal?: AbortSignal): Promise<string> {
  const stats = await Promise.all(files.map((file) => stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw new PathPressError('BAD_FILE', `${file}: cannot be read (${cause.code})`, { cause });
  })));
  const odd = stats.findIndex((each) => !each.isFile());
  if (odd >= 0) throw new PathPressError('BAD_FILE', `${files[odd]}: not a file`);
  const key = files.map((file, i) => `${file}:${stats[i].size}:${stats[i].mtimeMs}`).join('|');
  let hash = hashes.get(key);
  if (!hash) {
    hashes.set(key, (hash = hashFiles(files, signal)));
    hash.catch(() => hashes.delete(key));
  }
  return hash;
}

async function hashFiles(files: string[], signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 22, signal })) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
