#pragma once

#include "dtype.h"

namespace pathpress {

// A row-major matrix that lies in memory of Weights or in a mapped file.
struct Matrix {
  const void* data = nullptr;
  DType type = DType::f32;
  int rows = 0;
  int cols = 0;
  const float* scales = nullptr;  // (rows), where the type is i8: an element is its whole number times its row's scale

  Matrix rowsFrom(int begin, int count) const {
    const size_t at = static_cast<size_t>(begin) * static_cast<size_t>(cols) * dtypeBytes(type);
    return {static_cast<const std::byte*>(data) + at, type, count, cols, scales ? scales + begin : nullptr};
  }
};

}  // namespace pathpress
