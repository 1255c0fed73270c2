// A model family is a table: how its tensors are called, and flags. "{}" stands for the layer's number; a name that is
// empty is a tensor that the family does not have.
#pragma once

#include <span>

#include "../engine/rotary.h"
#include "config.h"

namespace pathpress {

enum class Bias { never, always, option };  // option: as config.json says

// `given` is what config.json says.
constexpr bool hasBias(Bias bias, bool given) { return bias == Bias::always || (bias == Bias::option && given); }

struct Family {
  const char* name;  // model_type in config.json

  const char* embedding;
  const char* finalNorm;
  const char* output;  // not read where embeddings are tied
  const char* attentionNorm;
  const char* mlpNorm;
  const char *query = "", *key = "", *value = "", *attentionOutput = "";  // modules: ".weight" and ".bias" follow
  const char *gate = "", *up = "", *down = "";
  const char* queryKeyValue = "";  // in place of the three: their rows one after the other
  const char* gateUp = "";         // likewise
  const char *queryNorm = "", *keyNorm = "";                // over each head, before rotation
  const char *attentionPostNorm = "", *mlpPostNorm = "";  // over what is added to the residual stream

  Bias qkvBias;
  Bias attentionOutputBias;
  Bias mlpBias;
  RopePairs ropePairs = RopePairs::halves;
  double ropeFraction = 1;  // where config.json says nothing; a family of whole heads takes no other
};

// Tensors named as Llama names them, which most families do.
constexpr Family llamaShaped(const char* name, Bias qkv, Bias attentionOutput, Bias mlp) {
  return {
      .name = name,
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
      .qkvBias = qkv,
      .attentionOutputBias = attentionOutput,
      .mlpBias = mlp,
  };
}

extern const Family llama;
extern const Family qwen2;
extern const Family qwen3;
extern const Family glm;
extern const Family glm4;
extern const Family chatglm;

std::span<const Family* const> families();

// Throws EngineError UNKNOWN_FAMILY naming it and those that are known.
const Family& findFamily(const std::string& name);

}  // namespace pathpress
