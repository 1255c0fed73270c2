// ChatGLM3 and GLM-4-9B-Chat under the names of their own code: one matrix of queries, keys and values, another of gate
// and up; half of each head is rotated, neighbouring channels together.
#include "family.h"

namespace pathpress {

const Family chatglm = {
    .name = "chatglm",
    .embedding = "transformer.embedding.word_embeddings.weight",
    .finalNorm = "transformer.encoder.final_layernorm.weight",
    .output = "transformer.output_layer.weight",
    .attentionNorm = "transformer.encoder.layers.{}.input_layernorm.weight",
    .mlpNorm = "transformer.encoder.layers.{}.post_attention_layernorm.weight",
    .attentionOutput = "transformer.encoder.layers.{}.self_attention.dense",
    .down = "transformer.encoder.layers.{}.mlp.dense_4h_to_h",
    .queryKeyValue = "transformer.encoder.layers.{}.self_attention.query_key_value",
    .gateUp = "transformer.encoder.layers.{}.mlp.dense_h_to_4h",
    .qkvBias = Bias::option,
    .attentionOutputBias = Bias::never,
    .mlpBias = Bias::never,
    .ropePairs = RopePairs::neighbours,
    .ropeFraction = 0.5,
};

}  // namespace pathpress
