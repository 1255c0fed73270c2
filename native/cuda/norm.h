// Residual and RMS norm in one pass over the rows.
#pragma once

#include "device.h"

namespace pathpress::cuda {

struct ResidualNorm {
  Global<float> state;        // (tokens, hidden); gets state + branch
  Global<const Bf16> branch;  // (tokens, hidden); null: nothing to add yet
  Global<const Bf16> weight;  // (hidden)
  Global<Bf16> normed;        // (tokens, hidden); gets state / sqrt(mean(state²) + epsilon) · weight
  int hidden;                 // a multiple of 4, at most maxNormWidth
  float epsilon;
};

constexpr int normThreads = 256;
constexpr int maxNormWidth = 16 * 4 * normThreads;

// False where `hidden` is none that the kernel can do.
bool addAndNormalize(Stream stream, const ResidualNorm& task, int tokens);

}  // namespace pathpress::cuda
