// RMS norm of the rows' state, and before it what a branch with a norm of its own adds, in one pass.
#pragma once

#include "device.h"

namespace pathpress::cuda {

// norm(x, w) = x / sqrt(mean(x²) + epsilon) · w, as the CPU engine's.
struct ResidualNorm {
  Global<float> state;              // (tokens, hidden); gets state + norm(branch, branchWeight)
  Global<const float> branch;       // (tokens, hidden); null: nothing to add, or a product has added it
  Global<const Bf16> branchWeight;  // (hidden)
  Global<const Bf16> weight;        // (hidden)
  Global<Bf16> normed;              // (tokens, hidden) as inputAt (product.h) has them; gets norm(state, weight)
  int hidden;                       // a multiple of 4, at most maxNormWidth
  float epsilon;
  bool whole = false;  // begins when all launches before it have ended: what they wrote, launches behind it read early
};

constexpr int normThreads = 256;
constexpr int maxNormWidth = 16 * 4 * normThreads;

// False where `hidden` is none that the kernel can do.
bool addAndNormalize(Stream stream, const ResidualNorm& task, int tokens);

}  // namespace pathpress::cuda
