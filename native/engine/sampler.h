// Picks the next token from logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels.h"

namespace pathpress {

struct Sampling {
  double temperature = 0;  // 0: the largest logit, the lowest id on ties
  double topP = 1;         // 1 is off
  int topK = 0;            // 0 is off
  double minP = 0;         // 0 is off
  uint64_t seed = 0;
};

struct SamplerScratch {
  std::vector<double> weights;
  std::vector<int> ids;
};

// Whether every logit is a number.
bool allFinite(std::span<const float> logits);
// Of the distribution that finite logits state, in bits.
float entropyBits(std::span<const float> logits);
// Natural logarithm of the probability that finite logits give to an id.
float logLikelihood(std::span<const float> logits, int32_t id);
// What to say where one is not; weights are checked when they are loaded.
inline constexpr const char* overflowText = "the logits hold NaN or infinity: the model's values overflow float32";

// `random` is uniform in [0, 1). Filters apply in Hugging Face's order: temperature, top-k, top-p (of what top-k left,
// the token that crosses the threshold included), min-p (of the largest left). Tokens of equal logit rank by id; -1 where a
// logit is none.
int sample(const Kernels& kernels, std::span<const float> logits, const Sampling& sampling, double random,
           SamplerScratch& scratch);

}  // namespace pathpress
