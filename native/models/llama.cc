// Llama 2 and 3, and every checkpoint that says so in model_type.
#include "family.h"

namespace pathpress {

const Family llama = {
    .name = "llama",
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
    .qkvBias = Bias::option,
    .attentionOutputBias = Bias::option,
    .mlpBias = Bias::option,
};

}  // namespace pathpress
