/** Writes checkpoints of random bfloat16 weights, for benchmarks and tests of sizes that nobody ships. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomBits } from '../analysis/random.js';
import { makeFolder } from '../make-folder.js';

interface Widths {
  hidden: number;
  headDim: number;
  queries: number;
  keys: number;
}

/** Families that it can make, with the vectors that a layer has beyond Llama's, and their lengths. */
const families = {
  llama: () => ({}),
  qwen2: ({ queries, keys }) => ({ 'self_attn.q_proj.bias': queries, 'self_attn.k_proj.bias': keys, 'self_attn.v_proj.bias': keys }),
  qwen3: ({ headDim }) => ({ 'self_attn.q_norm.weight': headDim, 'self_attn.k_norm.weight': headDim }),
  glm4: ({ hidden }) => ({ 'post_self_attn_layernorm.weight': hidden, 'post_mlp_layernorm.weight': hidden }),
} satisfies Record<string, (widths: Widths) => Record<string, number>>;

export type SyntheticFamily = keyof typeof families;
export const syntheticFamilies = Object.keys(families) as SyntheticFamily[];

export interface SyntheticShape {
  /** llama where left out. */
  family?: SyntheticFamily;
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  /** hidden / heads where left out. */
  headDim?: number;
  intermediate: number;
  vocab: number;
  /** Whether the output is the table of tokens; it is where left out. */
  tied?: boolean;
}

interface Tensor {
  name: string;
  shape: number[];
}

const sizeOf = ({ shape }: Tensor): number => shape.reduce((a, b) => a * b, 1);

function tensorsOf(shape: SyntheticShape): Tensor[] {
  const { family = 'llama', hidden, layers, heads, kvHeads, intermediate, vocab, tied = true } = shape;
  const headDim = shape.headDim ?? hidden / heads;
  const [queries, keys] = [heads * headDim, kvHeads * headDim];
  const tensors: Tensor[] = [];
  const add = (name: string, ...dims: number[]): number => tensors.push({ name, shape: dims });
  add('model.embed_tokens.weight', vocab, hidden);
  add('model.norm.weight', hidden);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}.`;
    add(`${at}input_layernorm.weight`, hidden);
    add(`${at}post_attention_layernorm.weight`, hidden);
    add(`${at}self_attn.q_proj.weight`, queries, hidden);
    add(`${at}self_attn.k_proj.weight`, keys, hidden);
    add(`${at}self_attn.v_proj.weight`, keys, hidden);
    add(`${at}self_attn.o_proj.weight`, hidden, queries);
    if (family === 'glm4') add(`${at}mlp.gate_up_proj.weight`, 2 * intermediate, hidden);
    else for (const name of ['gate', 'up']) add(`${at}mlp.${name}_proj.weight`, intermediate, hidden);
    add(`${at}mlp.down_proj.weight`, hidden, intermediate);
    const vectors: Record<string, number> = families[family]({ hidden, headDim, queries, keys });
    for (const [name, length] of Object.entries(vectors)) add(at + name, length);
  }
  if (!tied) add('lm_head.weight', vocab, hidden);
  return tensors;
}

const period = 1_000_003; // a prime: no two rows of a matrix are alike

/**
 * Deterministic noise in bfloat16, of which a tensor has `period` numbers again and again, so that a billion of them take
 * seconds: even between ±√(3 / columns) in a matrix, which keeps the size of what it multiplies; a quarter on either side
 * of 1 in a norm, of 0 in a bias.
 */
function noise(tensor: Tensor, seed: number): Uint16Array {
  const [, columns] = tensor.shape;
  const reach = columns ? Math.sqrt(3 / columns) : 0.25;
  const middle = columns || tensor.name.endsWith('.bias') ? 0 : 1;
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  return Uint16Array.from({ length: Math.min(period, sizeOf(tensor)) }, (_, i) => {
    value[0] = middle + reach * (randomBits(seed, i) / 2 ** 31 - 1);
    return (bits[0] + 0x8000) >>> 16;
  });
}

function writeFile(path: string, tensors: Tensor[], firstSeed: number): void {
  let at = 0;
  const header = tensors.map((tensor) => {
    const data_offsets = [at, (at += 2 * sizeOf(tensor))];
    return [tensor.name, { dtype: 'BF16', shape: tensor.shape, data_offsets }];
  });
  const text = JSON.stringify(Object.fromEntries(header));
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(path, 'w');
  try {
    writeSync(file, length);
    writeSync(file, padded);
    tensors.forEach((tensor, i) => {
      const bytes = new Uint8Array(noise(tensor, firstSeed + i).buffer);
      for (let left = 2 * sizeOf(tensor); left > 0; left -= bytes.length) writeSync(file, bytes.subarray(0, left));
    });
  } finally {
    closeSync(file);
  }
}

/**
 * The weights alone, as one file, or as so many shards of about as many tensors each and their index.
 */
export function writeSyntheticWeights(folder: string, shape: SyntheticShape, shards = 1): void {
  const tensors = tensorsOf(shape);
  if (shards === 1) return writeFile(join(folder, 'model.safetensors'), tensors, 1);
  const weight_map: Record<string, string> = {};
  const number = (i: number): string => String(i).padStart(5, '0');
  for (let shard = 0; shard < shards; shard++) {
    const [from, to] = [shard, shard + 1].map((i) => Math.floor((i * tensors.length) / shards));
    const name = `model-${number(shard + 1)}-of-${number(shards)}.safetensors`;
    writeFile(join(folder, name), tensors.slice(from, to), from + 1);
    for (const tensor of tensors.slice(from, to)) weight_map[tensor.name] = name;
  }
  const total_size = tensors.reduce((sum, tensor) => sum + 2 * sizeOf(tensor), 0);
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: { total_size }, weight_map }));
}

/** Weights and config.json. */
export function writeSyntheticCheckpoint(folder: string, shape: SyntheticShape): void {
  makeFolder(folder);
  writeSyntheticWeights(folder, shape);
  const config = {
    model_type: shape.family ?? 'llama',
    attention_bias: false,
    head_dim: shape.headDim ?? shape.hidden / shape.heads,
    hidden_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    intermediate_size: shape.intermediate,
    vocab_size: shape.vocab,
    tie_word_embeddings: shape.tied ?? true,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
}
