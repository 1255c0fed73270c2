// Weights as the product's mma wants them: 16 rows × 32 cols a step, in which each lane's two FragmentA are 16 bytes
// each, and a warp reads 512 bytes in a row. Rows and cols past the end are zeros.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace pathpress::cuda {

constexpr int packedRows = 16, packedCols = 32;  // of a step

// `weight` is (rows, cols) in bfloat16. The result is (row tiles, steps, 2 fragments, 32 lanes, 8).
// The k of an mma are dealt out such that the 8 cols which a lane reads of its token in one access are its FragmentB of
// both fragments: col 8·(lane % 4) + 4·fragment + 2·(half of k) + i. A and B agree on it, and a sum does not see it.
inline std::vector<uint16_t> packWeights(const std::vector<uint16_t>& weight, int rows, int cols) {
  const int tiles = (rows + packedRows - 1) / packedRows, steps = (cols + packedCols - 1) / packedCols;
  std::vector<uint16_t> packed;
  packed.reserve(static_cast<size_t>(tiles) * static_cast<size_t>(steps) * packedRows * packedCols);
  for (int tile = 0; tile < tiles; ++tile) {
    for (int step = 0; step < steps; ++step) {
      for (int fragment = 0; fragment < 2; ++fragment) {
        for (int lane = 0; lane < 32; ++lane) {
          for (int i = 0; i < 8; ++i) {
            const int row = tile * packedRows + lane / 4 + i / 2 % 2 * 8;
            const int col = step * packedCols + lane % 4 * 8 + fragment * 4 + i / 4 * 2 + i % 2;
            const bool inside = row < rows && col < cols;
            packed.push_back(inside ? weight[static_cast<size_t>(row * int64_t{cols} + col)] : uint16_t{0});
          }
        }
      }
    }
  }
  return packed;
}

// Rows of two matrices, (rows, cols) each, dealt out in eights, so that a gate and what it lets through meet in a
// product's tile; rows past the end are zeros. Also of two biases, whose cols are 1.
template <class T>
std::vector<T> dealGated(const std::vector<T>& gate, const std::vector<T>& up, int rows, int cols) {
  const size_t width = static_cast<size_t>(cols), eights = static_cast<size_t>((rows + 7) / 8);
  std::vector<T> dealt(eights * packedRows * width);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
    const size_t at = (r / 8 * packedRows + r % 8) * width;
    std::copy_n(gate.data() + r * width, width, dealt.data() + at);
    std::copy_n(up.data() + r * width, width, dealt.data() + at + 8 * width);
  }
  return dealt;
}

}  // namespace pathpress::cuda
