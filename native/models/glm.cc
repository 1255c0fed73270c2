// GLM-4 under the names of transformers: `glm` (GLM-4-9B-Chat's port) and `glm4` (GLM-4-0414, with norms behind both
// branches). Gate and up are one matrix; half of each head is rotated, neighbouring channels together.
#include "family.h"

namespace pathpress {
namespace {

constexpr Family table(const char* name) {
  Family family = llamaShaped(name, Bias::option, Bias::never, Bias::never);
  family.gate = family.up = "";
  family.gateUp = "model.layers.{}.mlp.gate_up_proj";
  family.ropePairs = RopePairs::neighbours;
  family.ropeFraction = 0.5;
  return family;
}

constexpr Family withPostNorms(Family family) {
  family.attentionPostNorm = "model.layers.{}.post_self_attn_layernorm.weight";
  family.mlpPostNorm = "model.layers.{}.post_mlp_layernorm.weight";
  return family;
}

}  // namespace

const Family glm = table("glm");
const Family glm4 = withPostNorms(table("glm4"));

}  // namespace pathpress
