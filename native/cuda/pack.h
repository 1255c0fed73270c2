// Weights as the product's mma wants them: 16 rows × 32 cols a step, in which each lane's two FragmentA are 16 bytes
// each, and a warp reads 512 bytes in a row. Rows and cols past the end are zeros.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bf16.h"

namespace pathpress::cuda {

constexpr int packedRows = 16, packedCols = 32;  // of a step

// One tile of `cols` elements a row, null for a row past the end: (steps, 2 fragments, 32 lanes, 8), all of it written.
// The k of an mma are dealt out such that the 8 cols which a lane reads of its token in one access are its FragmentB of
// both fragments: col 8·(lane % 4) + 4·fragment + 2·(half of k) + i. A and B agree on it, and a sum does not see it.
inline void packTile(const std::array<const uint16_t*, packedRows>& rows, int cols, Bf16* to) {
  constexpr int lower = packedRows / 2;  // a lane holds 4 cols each of a row and of the one so far below it
  for (int first = 0; first < cols; first += packedCols, to += packedRows * packedCols) {
    const size_t bytes = static_cast<size_t>(std::min(packedCols, cols - first)) * sizeof(Bf16);
    for (int row = 0; row < lower; ++row) {
      uint32_t above[packedCols / 2] = {}, below[packedCols / 2] = {};
      if (rows[row]) std::memcpy(above, rows[row] + first, bytes);
      if (rows[row + lower]) std::memcpy(below, rows[row + lower] + first, bytes);
      for (int four = 0; four < packedCols / 4; ++four) {
        const uint32_t* const a = above + 2 * four;
        const uint32_t* const b = below + 2 * four;
        const uint32_t fragment[4] = {a[0], b[0], a[1], b[1]};
        std::memcpy(to + (four % 2 * 32 + row * 4 + four / 2) * 8, fragment, sizeof(fragment));
      }
    }
  }
}

// Elements of a tile.
inline size_t tileElements(int cols) {
  return static_cast<size_t>((cols + packedCols - 1) / packedCols) * packedRows * packedCols;
}

// `weight` is (rows, cols) in bfloat16. The result is (row tiles, steps, 2 fragments, 32 lanes, 8).
inline std::vector<Bf16> packWeights(const std::vector<uint16_t>& weight, int rows, int cols) {
  const int tiles = (rows + packedRows - 1) / packedRows;
  std::vector<Bf16> packed(static_cast<size_t>(tiles) * tileElements(cols));
  for (int tile = 0; tile < tiles; ++tile) {
    std::array<const uint16_t*, packedRows> of{};
    for (int i = 0; i < std::min(packedRows, rows - tile * packedRows); ++i) {
      of[static_cast<size_t>(i)] = weight.data() + (tile * packedRows + i) * int64_t{cols};
    }
    packTile(of, cols, packed.data() + static_cast<size_t>(tile) * tileElements(cols));
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
