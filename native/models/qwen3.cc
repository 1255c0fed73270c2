// Qwen3: Llama's shape with norms over each head of queries and keys.
#include "family.h"

namespace pathpress {
namespace {

constexpr Family table() {
  Family family = llamaShaped("qwen3", Bias::option, Bias::option, Bias::never);
  family.queryNorm = "model.layers.{}.self_attn.q_norm.weight";
  family.keyNorm = "model.layers.{}.self_attn.k_norm.weight";
  return family;
}

}  // namespace

const Family qwen3 = table();

}  // namespace pathpress
