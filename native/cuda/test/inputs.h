// Tokens' rows as products read them (product.h), and back.
#pragma once

#include <vector>

#include "../product.h"

namespace pathpress::cuda {

// `rows` is (tokens, cols). Other tokens are NaNs.
inline std::vector<Bf16> asInput(const std::vector<uint16_t>& rows, int tokens, int cols) {
  std::vector<Bf16> laid(static_cast<size_t>(inputElements(cols, tokens)), Bf16{0x7FFF});
  const int places = (tokens + groupTokens - 1) / groupTokens * groupTokens;
  for (int t = 0; t < places; ++t) {
    for (int c = cols; c % packedCols != 0; ++c) laid[static_cast<size_t>(inputAt(t, c, cols))] = {0};
  }
  for (int t = 0; t < tokens; ++t) {
    for (int c = 0; c < cols; ++c) laid[static_cast<size_t>(inputAt(t, c, cols))] = {rows[static_cast<size_t>(t * cols + c)]};
  }
  return laid;
}

inline std::vector<Bf16> fromInput(const std::vector<Bf16>& laid, int tokens, int cols) {
  std::vector<Bf16> rows(static_cast<size_t>(tokens * cols));
  for (int t = 0; t < tokens; ++t) {
    for (int c = 0; c < cols; ++c) rows[static_cast<size_t>(t * cols + c)] = laid[static_cast<size_t>(inputAt(t, c, cols))];
  }
  return rows;
}

}  // namespace pathpress::cuda
