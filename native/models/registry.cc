#include <array>
#include <limits>
#include <sstream>
#include <string>

#include "../engine/errors.h"
#include "family.h"

namespace pathpress {
namespace {

constexpr std::array<const Family*, 6> rows = {&llama, &qwen2, &qwen3, &glm, &glm4, &chatglm};

void checkRange(const char* field, int value, int limit) {
  if (value < 1 || value > limit) {
    throw EngineError("BAD_CONFIG", std::string("config.json: ") + field + " " + std::to_string(value) +
                                        " is not between 1 and " + std::to_string(limit));
  }
}

}  // namespace

std::span<const Family* const> families() { return rows; }

const Family& findFamily(const std::string& name) {
  std::string known;
  for (const Family* family : rows) {
    if (name == family->name) return *family;
    known += (known.empty() ? "" : ", ") + std::string(family->name);
  }
  throw EngineError("UNKNOWN_FAMILY", "config.json: model_type \"" + name + "\" is not one of " + known);
}

void checkConfig(const ModelConfig& config) {
  checkRange("num_hidden_layers", config.layers, 1024);
  checkRange("hidden_size", config.hidden, 1 << 20);
  checkRange("intermediate_size", config.intermediate, 1 << 20);
  checkRange("num_attention_heads", config.heads, 1024);
  checkRange("num_key_value_heads", config.kvHeads, config.heads);
  checkRange("head_dim", config.headDim, 1024);
  checkRange("vocab_size", config.vocab, 1 << 24);
  const auto refuse = [](const std::string& what) { throw EngineError("BAD_CONFIG", "config.json: " + what); };
  if (config.heads % config.kvHeads != 0) {
    refuse("num_attention_heads " + std::to_string(config.heads) + " is not a multiple of num_key_value_heads " +
           std::to_string(config.kvHeads));
  }
  if (config.group() > 32) refuse(std::to_string(config.group()) + " query heads share a key-value head: more than 32");
  if (config.headDim % 2 != 0) refuse("head_dim " + std::to_string(config.headDim) + " is odd: rotary pairs need even");
  if (!(config.normEpsilon > 0)) refuse("rms_norm_eps " + std::to_string(config.normEpsilon) + " is not above 0");
  // Frequencies are computed in float32.
  if (!(config.ropeTheta >= std::numeric_limits<float>::min() && config.ropeTheta <= std::numeric_limits<float>::max())) {
    std::ostringstream text;
    text << "rope_theta " << config.ropeTheta << " is not a positive number that float32 holds";
    refuse(text.str());
  }
  const RopeScaling& scaling = config.ropeScaling;
  if (scaling.type != "default" && scaling.type != "linear" && scaling.type != "llama3" && scaling.type != "yarn") refuse("rope_scaling type \"" + scaling.type + "\" is not supported");
  if (scaling.type == "llama3" &&
      !(scaling.factor > 0 && scaling.originalPositions > 0 && scaling.highFrequencyFactor > scaling.lowFrequencyFactor)) {
    refuse("rope_scaling llama3 needs factor > 0, original_max_position_embeddings > 0, high_freq_factor > low_freq_factor");
  }
  if (scaling.type == "linear" && !(scaling.factor > 0)) refuse("rope_scaling linear needs factor > 0");
  if (scaling.type == "yarn" && !(scaling.factor > 0 && scaling.originalPositions > 0 && scaling.betaFast > 0 && scaling.betaSlow > 0 &&
                                  scaling.attentionFactor > 0 && config.ropeTheta > 1)) {
    refuse("rope_scaling yarn needs factor, original_max_position_embeddings, beta_fast, beta_slow and attention_factor > 0, rope_theta > 1");
  }
}

}  // namespace pathpress
