// Products of weights with 1 to 64 tokens: the decode step's large matrices, each weight read once.
#pragma once

#include "device.h"

namespace pathpress::cuda {

constexpr int maxProductTokens = 64;
constexpr int productWarps = 8;  // of a block

// What becomes of a token's sums.
enum class Ending {
  stored,  // out = sums + bias
  added,   // out += sums + bias
  gated,   // halves = silu(g) · u, of rows that dealGated dealt out; bias likewise
};

struct WeightProduct {
  Global<const Bf16> weight;  // packed (packWeights)
  Global<const Bf16> input;   // (tokens, cols)
  Global<const float> bias;   // (rows), as packed; null: none
  Global<float> out;          // (tokens, rows): Σ_k weight[r][k] · input[t][k]
  Global<Bf16> halves;        // (tokens, rows / 2), where gated
  int rows;                   // a multiple of 16
  int cols;                   // a multiple of 8
  int tokens;                 // 1 to maxProductTokens
  Ending ending;
};

// Warps that share 16 rows, each with its own stretch of cols: 1, 2, 4 or 8. From the shape alone, never from the
// tokens or the device, since it decides the order in which a sum is added up.
int productSlices(int rows, int cols);

// False where a shape is none that the kernel can do.
bool multiply(Stream stream, const WeightProduct& task);

}  // namespace pathpress::cuda
