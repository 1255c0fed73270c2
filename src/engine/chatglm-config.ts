/** config.json of `chatglm` (ChatGLM3, GLM-4-9B-Chat) under the names that other families have. */
import { z } from 'zod';
import { parseAs } from '../json-file.js';

const isChatglm = z.object({ model_type: z.literal('chatglm') });

const schema = z.object({
  num_layers: z.number(),
  hidden_size: z.number(),
  ffn_hidden_size: z.number(),
  num_attention_heads: z.number(),
  multi_query_group_num: z.number(),
  kv_channels: z.number(),
  padded_vocab_size: z.number(),
  layernorm_epsilon: z.number(),
  rope_ratio: z.number().positive().default(1),
  tie_word_embeddings: z.boolean().default(false),
  add_qkv_bias: z.boolean().default(false),
  quantization_config: z.unknown().optional(),
  // With other values the model has tensors or sums that the engine does not.
  multi_query_attention: z.literal(true),
  add_bias_linear: z.literal(false).default(false),
  rmsnorm: z.literal(true).default(true),
  post_layer_norm: z.literal(true).default(true),
  apply_residual_connection_post_layernorm: z.literal(false).default(false),
  original_rope: z.literal(true).default(true),
});

/**
 * A parsed config.json, as it is unless it is chatglm's. There `rope_ratio` multiplies the base of the rotation, 10,000.
 * @throws BAD_CONFIG naming file and field
 */
export function withCommonNames(json: unknown, path: string): unknown {
  if (!isChatglm.safeParse(json).success) return json;
  const config = parseAs(schema, json, path);
  return {
    model_type: 'chatglm',
    num_hidden_layers: config.num_layers,
    hidden_size: config.hidden_size,
    intermediate_size: config.ffn_hidden_size,
    num_attention_heads: config.num_attention_heads,
    num_key_value_heads: config.multi_query_group_num,
    head_dim: config.kv_channels,
    vocab_size: config.padded_vocab_size,
    rms_norm_eps: config.layernorm_epsilon,
    rope_theta: 10000 * config.rope_ratio,
    tie_word_embeddings: config.tie_word_embeddings,
    attention_bias: config.add_qkv_bias,
    quantization_config: config.quantization_config,
  };
}
