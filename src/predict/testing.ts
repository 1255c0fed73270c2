/** Shapes of public models that the tests of predictions share, as their config.json say. */
import type { NativeConfig } from '../engine/binding.js';
import { readConfig } from '../engine/checkpoint.js';
import { architectures } from '../paper/architectures.js';

const of = (config: Record<string, unknown>): NativeConfig => readConfig({ head_dim: 128, tie_word_embeddings: false, ...config }, 'config.json');

export const configs: Record<string, NativeConfig> = {
  ...Object.fromEntries(Object.entries(architectures).map(([name, { config }]) => [name, of(config)])),
  'Qwen3-8B': of({
    model_type: 'qwen3', hidden_size: 4096, intermediate_size: 12288, num_hidden_layers: 36, num_attention_heads: 32, num_key_value_heads: 8, vocab_size: 151936,
  }),
  'GLM-Z1-9B': of({
    model_type: 'glm4', hidden_size: 4096, intermediate_size: 13696, num_hidden_layers: 40, num_attention_heads: 32, num_key_value_heads: 2, vocab_size: 151552,
  }),
};
