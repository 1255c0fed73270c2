/** Writes a checkpoint of random bfloat16 weights, for benchmarks of sizes that nobody ships. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomBits } from '../analysis/random.js';

/** Families that it can make, with the weights that they have beyond Llama's. */
const families = {
  llama: [],
  qwen3: ['self_attn.q_norm', 'self_attn.k_norm'],
  glm4: ['post_self_attn_layernorm', 'post_mlp_layernorm'],
} as const;

export type SyntheticFamily = keyof typeof families;
export const syntheticFamilies = Object.keys(families) as SyntheticFamily[];

export interface SyntheticShape {
  /** llama where left out. */
  family?: SyntheticFamily;
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  intermediate: number;
  vocab: number;
}

function tensorShapes({ family = 'llama', hidden, layers, heads, kvHeads, intermediate, vocab }: SyntheticShape): [string, number[]][] {
  const headDim = hidden / heads;
  const kvWidth = headDim * kvHeads;
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [vocab, hidden]], ['model.norm.weight', [hidden]]];
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, ...shape: number[]): number => shapes.push([`model.layers.${layer}.${name}.weight`, shape]);
    add('input_layernorm', hidden);
    add('post_attention_layernorm', hidden);
    add('self_attn.q_proj', hidden, hidden);
    add('self_attn.k_proj', kvWidth, hidden);
    add('self_attn.v_proj', kvWidth, hidden);
    add('self_attn.o_proj', hidden, hidden);
    if (family === 'glm4') add('mlp.gate_up_proj', 2 * intermediate, hidden);
    else for (const name of ['gate', 'up']) add(`mlp.${name}_proj`, intermediate, hidden);
    for (const name of families[family]) add(name, family === 'qwen3' ? headDim : hidden);
    add('mlp.down_proj', hidden, intermediate);
  }
  return shapes;
}

const period = 1_000_003; // a prime: no two rows of a matrix are alike

/**
 * Deterministic noise of about ±0.03 in bfloat16: 0x3c00 to 0x3cff is 0.008 to 0.03, the top bit the sign. From `period`
 * numbers on it repeats itself, so that a billion of them take seconds.
 */
function fill(words: Uint16Array, seed: number): void {
  for (let i = 0; i < Math.min(period, words.length); i++) {
    const bits = randomBits(seed, i);
    words[i] = 0x3c00 | (bits >>> 24) | ((bits >>> 8) & 0x8000);
  }
  for (let made = period; made < words.length; made *= 2) words.copyWithin(made, 0, made);
}

export function writeSyntheticCheckpoint(folder: string, shape: SyntheticShape): void {
  mkdirSync(folder, { recursive: true });
  const shapes = tensorShapes(shape);
  const counts = shapes.map(([, dims]) => dims.reduce((a, b) => a * b, 1));
  const header: Record<string, unknown> = {};
  let at = 0;
  shapes.forEach(([name, dims], i) => {
    header[name] = { dtype: 'BF16', shape: dims, data_offsets: [at, at + 2 * counts[i]] };
    at += 2 * counts[i];
  });
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  try {
    writeSync(file, length);
    writeSync(file, padded);
    counts.forEach((count, i) => {
      const words = new Uint16Array(count);
      fill(words, i + 1);
      writeSync(file, new Uint8Array(words.buffer));
    });
  } finally {
    closeSync(file);
  }
  const config = {
    model_type: shape.family ?? 'llama',
    head_dim: shape.hidden / shape.heads,
    hidden_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    intermediate_size: shape.intermediate,
    vocab_size: shape.vocab,
    tie_word_embeddings: true,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
}
