import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findWeightFiles, readConfig } from './checkpoint.js';

const least = { num_hidden_layers: 2, hidden_size: 256, intermediate_size: 512, num_attention_heads: 4, vocab_size: 100 };
const read = (config: object) => readConfig({ model_type: 'llama', ...least, ...config }, 'config.json');
const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };

// What transformers 5.24 gives for the same keys: LlamaConfig, Qwen3Config, GlmConfig and Glm4Config of them, to_dict().
it.each<[string, object, object]>([
  ['llama', {}, { attentionBias: false, normEpsilon: 1e-6, kvHeads: 4, headDim: 64 }],
  ['qwen3', { num_key_value_heads: 4 }, { headDim: 128 }],
  ['qwen3', { head_dim: 32 }, { headDim: 32 }],
  ['glm', {}, { attentionBias: true, normEpsilon: 1.5625e-7, kvHeads: 2, headDim: 128 }],
  ['glm4', { attention_bias: false, head_dim: null, num_key_value_heads: 4 }, { attentionBias: false, normEpsilon: 1.5625e-7, kvHeads: 4, headDim: 128 }],
])('a config.json of %s that says %j of these has the defaults of transformers', (model_type, given, expected) => {
  expect(read({ model_type, ...given })).toMatchObject(expected);
});

// As transformers 5.24 looks for them: at the top, in the rotation, else the model's own positions.
it.each<[object, number]>([
  [{ max_position_embeddings: 64, rope_scaling: llama3 }, 64],
  [{ max_position_embeddings: 64, rope_scaling: { ...llama3, original_max_position_embeddings: 32 } }, 32],
  [{ original_max_position_embeddings: 16, rope_scaling: { ...llama3, original_max_position_embeddings: 32 } }, 16],
])('%j was trained on %i positions', (given, positions) => {
  expect(read(given).ropeScaling.originalPositions).toBe(positions);
});

it.each<[object, string]>([
  [{ is_causal: false }, 'is_causal false is not supported'],
  [{ rope_scaling: { rope_type: 'llama3', factor: 8 } }, 'rope_scaling llama3 without low_freq_factor'],
  [{ rope_scaling: llama3, rope_parameters: { ...llama3, factor: 4 } }, 'beside rope_parameters'],
])('%j is refused', (given, said) => {
  expect(() => read(given)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining(said) }));
});

it('a rotation may stand in both places if they say the same', () => {
  expect(read({ rope_theta: 5, rope_scaling: { ...llama3, original_max_position_embeddings: 9 }, rope_parameters: { ...llama3, rope_theta: 5, original_max_position_embeddings: 9 } }).ropeTheta).toBe(5);
});

it('a single weight file goes before an index, which an earlier save may have left', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pathpress-weights-'));
  const index = { weight_map: { a: 'model-00001-of-00001.safetensors' } };
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
  expect(await findWeightFiles(folder)).toEqual([join(folder, 'model-00001-of-00001.safetensors')]);
  writeFileSync(join(folder, 'model.safetensors'), '');
  expect(await findWeightFiles(folder)).toEqual([join(folder, 'model.safetensors')]);
  rmSync(folder, { recursive: true });
});
