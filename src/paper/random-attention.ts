/**
 * Serving throughput that Random Attention (arXiv 2609.03430) reports: vLLM on one H200, 128 requests of 1,024 prompt and
 * 32,768 output tokens; random choice keeps 2,048 entries, a draw a key-value head every 64 steps, prompt pinned.
 */
export interface ServingRow {
  model: string;
  /** Shapes as their config.json say; Phi-4's family is none that the engine has. */
  config: Record<string, unknown>;
  /** Output tokens a second of all requests together. */
  full: number;
  random: number;
}

export const servingLoad = { device: 'H200', requests: 128, prompt: 1024, length: 32768, keep: 2048, interval: 64 };

const qwen3 = { model_type: 'qwen3', vocab_size: 151936, head_dim: 128, num_key_value_heads: 8 };

export const servingRows: ServingRow[] = [
  {
    model: 'Qwen3-4B', full: 1296, random: 2046,
    config: { ...qwen3, hidden_size: 2560, intermediate_size: 9728, num_hidden_layers: 36, num_attention_heads: 32, tie_word_embeddings: true },
  },
  {
    model: 'Qwen3-14B', full: 925, random: 1819,
    config: { ...qwen3, hidden_size: 5120, intermediate_size: 17408, num_hidden_layers: 40, num_attention_heads: 40 },
  },
  {
    model: 'Qwen3-32B', full: 346, random: 923,
    config: { ...qwen3, hidden_size: 5120, intermediate_size: 25600, num_hidden_layers: 64, num_attention_heads: 64 },
  },
  {
    model: 'Phi-4-reasoning', full: 780, random: 1737,
    config: {
      model_type: 'phi3', vocab_size: 100352, hidden_size: 5120, intermediate_size: 17920, num_hidden_layers: 40, num_attention_heads: 40, num_key_value_heads: 10,
    },
  },
];
