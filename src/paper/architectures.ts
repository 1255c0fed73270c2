/** Shapes of the paper's models, as their config.json says them: enough to plan with, of no use to load. */

const qwen2 = { model_type: 'qwen2', vocab_size: 152064, tie_word_embeddings: false, torch_dtype: 'bfloat16' };

export interface Architecture {
  config: Record<string, unknown>;
  /** How many GPUs the paper's benchmark spread it over. */
  gpus: number;
}

export const architectures: Record<string, Architecture> = {
  'R1-Distill-Qwen-7B': {
    config: { ...qwen2, hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28, num_attention_heads: 28, num_key_value_heads: 4 },
    gpus: 1,
  },
  'QwQ-32B': {
    config: { ...qwen2, hidden_size: 5120, intermediate_size: 27648, num_hidden_layers: 64, num_attention_heads: 40, num_key_value_heads: 8 },
    gpus: 4,
  },
  'R1-Distill-Llama-8B': {
    config: {
      model_type: 'llama', vocab_size: 128256, tie_word_embeddings: false, torch_dtype: 'bfloat16',
      hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32, num_attention_heads: 32, num_key_value_heads: 8,
    },
    gpus: 1,
  },
};
