// Rotated query rows that a policy's votes need, kept for one sequence: side bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "../policies/policy.h"

namespace pathpress {

class QueryRows {
 public:
  // `width` = query heads · head size, floats a row. Throws EngineError OUT_OF_MEMORY naming the bytes.
  QueryRows(const Recipe& recipe, int64_t promptTokens, int64_t maxTokens, int layers, int width);

  // Rows that it keeps of each layer.
  static int64_t capacity(const Recipe& recipe, int64_t promptTokens, int64_t maxTokens);

  // Where the row of the token at this true position goes, (width) floats; null where nobody asks for it.
  float* slot(int layer, int64_t position);
  // The latest `rows` rows of one query head, oldest first, into (rows, dim). `written` as in Progress.
  void gather(int layer, int head, int dim, int64_t rows, int64_t written, float* out) const;
  // True position of row i of `rows`.
  int64_t position(int64_t i, int64_t rows, int64_t written) const;

  int64_t capacity() const { return capacity_; }  // rows a layer, which take turns
  size_t bytes() const { return data_.size() * sizeof(float); }

 private:
  const float* row(int layer, int64_t position) const;
  int64_t slotIndex(int64_t position) const;

  Selectors selectors_;
  int64_t prompt_;
  int64_t capacity_;  // rows a layer
  int64_t width_;
  std::vector<float> data_;  // (layers, capacity, width)
};

}  // namespace pathpress
