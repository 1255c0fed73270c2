// Qwen2 and Qwen2.5: Llama's shape with a bias on query, key and value.
#include "family.h"

namespace pathpress {

const Family qwen2 = {
    .name = "qwen2",
    .embedding = "model.embed_tokens.weight",
    .finalNorm = "model.norm.weight",
    .output = "lm_head.weight",
    .attentionNorm = "model.layers.{}.input_layernorm.weight",
    .mlpNorm = "model.layers.{}.post_attention_layernorm.weight",
    .query = "model.layers.{}.self_attn.q_proj",
    .key = "model.layers.{}.self_attn.k_proj",
    .value = "model.layers.{}.self_attn.v_proj",
    .attentionOutput = "model.layers.{}.self_attn.o_proj",
    .gate = "model.layers.{}.mlp.gate_proj",
    .up = "model.layers.{}.mlp.up_proj",
    .down = "model.layers.{}.mlp.down_proj",
    .qkvBias = Bias::always,
    .attentionOutputBias = Bias::never,
    .mlpBias = Bias::never,
};

}  // namespace pathpress
