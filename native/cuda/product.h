// Products of weights with 1 to 256 tokens: a step's large matrices, each weight read from memory once.
#pragma once

#include "device.h"
#include "pack.h"

namespace pathpress::cuda {

constexpr int maxProductTokens = 256;
constexpr int groupTokens = 64;  // whose inputs lie together; more of them are another kernel's
constexpr int productWarps = 8;  // of a block

// Where a token's element lies in what a product reads or, gated, writes: for each 32 cols all tokens of a group, so that a
// warp reads 512 bytes in a row, all from one address on. Tokens that are not there may be any numbers; cols up to the next
// multiple of 32 are zeros.
HOST_DEVICE inline int64_t inputAt(int token, int col, int cols) {
  const int64_t steps = (cols + packedCols - 1) / packedCols;
  const int64_t step = token / groupTokens * steps + col / packedCols;
  return (step * groupTokens + token % groupTokens) * packedCols + col % packedCols;
}
inline int64_t inputElements(int cols, int tokens) {
  const int64_t groups = (tokens + groupTokens - 1) / groupTokens;
  return groups * ((cols + packedCols - 1) / packedCols) * groupTokens * packedCols;
}

// What becomes of a token's sums.
enum class Ending {
  stored,  // out = sums + bias
  added,   // out += sums + bias
  gated,   // halves = silu(g) · u, of rows that dealGated dealt out; bias likewise
};

struct WeightProduct {
  Global<const Bf16> weight;  // packed (packWeights)
  Global<const Bf16> input;   // (groups of tokens, cols) as inputAt has them
  Global<const float> bias;   // (rows), as packed; null: none
  Global<float> out;          // (tokens, rows): Σ_k weight[r][k] · input[t][k]
  Global<Bf16> halves;        // (groups of tokens, rows / 2) as inputAt has them, where gated
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
