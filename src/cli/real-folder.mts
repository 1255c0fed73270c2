/**
 * Folders as those of real checkpoints, for tests: the tokenizer's own files, the real shape in config.json,
 * generation_config.json, and random weights in shards. The files come from the data beside the project, which a
 * checkout need not have.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeSyntheticWeights, type SyntheticFamily } from '../engine/synthetic.js';

// Where the traces are, or beside the project.
const { PATHPRESS_TRACES: traces } = process.env;
const shared = traces ? dirname(resolve(traces)) : resolve('../shared/data');

export interface RealModel {
  /** As in model_architectures.json. */
  name: string;
  /** Folder of its tokenizer. */
  tokenizer: string;
  /** generation_config.json but for the version that wrote it. */
  generation: Record<string, unknown>;
}

const r1 = { _from_model_config: true, do_sample: true, temperature: 0.6, top_p: 0.95 };

/**
 * generation_config.json: that of the distilled models as published with R1's (151643 is also config.json's); Llama's
 * three ids as vLLM's tests want them of Llama-3.1-8B-Instruct, and meta-llama/llama-models; QwQ's two, and its top_k, as
 * those of Qwen2.5's and Qwen3's instructed models, from memory.
 */
export const realModels: RealModel[] = [
  {
    name: 'DeepSeek-R1-Distill-Qwen-7B',
    tokenizer: 'DeepSeek-R1-Distill-Qwen',
    generation: { ...r1, bos_token_id: 151646, eos_token_id: 151643 },
  },
  {
    name: 'DeepSeek-R1-Distill-Llama-8B',
    tokenizer: 'DeepSeek-R1-Distill-Llama',
    generation: { ...r1, bos_token_id: 128000, eos_token_id: 128001 },
  },
  {
    name: 'QwQ-32B',
    tokenizer: 'QwQ-32B',
    generation: {
      bos_token_id: 151643,
      pad_token_id: 151643,
      do_sample: true,
      eos_token_id: [151645, 151643],
      repetition_penalty: 1.0,
      temperature: 0.6,
      top_k: 40,
      top_p: 0.95,
    },
  },
  {
    name: 'Llama-3.1-8B-Instruct',
    tokenizer: 'Llama-3',
    generation: { bos_token_id: 128000, do_sample: true, eos_token_id: [128001, 128008, 128009], temperature: 0.6, top_p: 0.9 },
  },
];

const architectures = join(shared, 'models', 'model_architectures.json');
export const dataAbsent = !existsSync(architectures) || !realModels.every(({ tokenizer }) => existsSync(join(shared, 'tokenizers', tokenizer)));

/**
 * Writes a model's folder. What is not real: the weights, `layers`, and `hidden`, the width of the residual stream, where
 * it is given: heads, their size and groups, feed-forward width, vocabulary, rope, biases and ties stay.
 */
export function writeRealFolder(folder: string, model: RealModel, { layers, hidden }: { layers: number; hidden?: number }): void {
  const all = JSON.parse(readFileSync(architectures, 'utf8')) as Record<string, { config: Record<string, any> }>;
  const { attention_bias_qkv: _implied, head_dim, ...real } = all[model.name].config;
  // Real files of both families have no head_dim, or the quotient: it is needed where that is another.
  const config: Record<string, any> = { ...real, num_hidden_layers: layers, ...(hidden ? { hidden_size: hidden, head_dim } : {}) };
  mkdirSync(folder, { recursive: true });
  const tokenizer = join(shared, 'tokenizers', model.tokenizer);
  for (const file of readdirSync(tokenizer)) symlinkSync(join(tokenizer, file), join(folder, file));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
  writeFileSync(join(folder, 'generation_config.json'), JSON.stringify(model.generation, null, 2));
  const shape = {
    family: config.model_type as SyntheticFamily,
    hidden: config.hidden_size,
    layers,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: head_dim,
    intermediate: config.intermediate_size,
    vocab: config.vocab_size,
    tied: config.tie_word_embeddings,
  };
  writeSyntheticWeights(folder, shape, 3);
}

/** Exchanges two rows of a bfloat16 matrix: of lm_head.weight, so that one token is drawn where the other was. */
export function swapRows(folder: string, tensor: string, a: number, b: number): void {
  const index = JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8')) as { weight_map: Record<string, string> };
  const file = openSync(join(folder, index.weight_map[tensor]), 'r+');
  const bytes = (at: number, length: number): Buffer => {
    const read = Buffer.alloc(length);
    readSync(file, read, 0, length, at);
    return read;
  };
  const headerBytes = Number(bytes(0, 8).readBigUInt64LE());
  const { shape, data_offsets } = JSON.parse(bytes(8, headerBytes).toString())[tensor] as { shape: number[]; data_offsets: number[] };
  const length = 2 * shape[1];
  const [atA, atB] = [a, b].map((row) => 8 + headerBytes + data_offsets[0] + row * length);
  const [rowA, rowB] = [bytes(atA, length), bytes(atB, length)];
  writeSync(file, rowB, 0, length, atA);
  writeSync(file, rowA, 0, length, atB);
  closeSync(file);
}
