// What a back end's votes are asked for: query rows against keys that lie in pages.
#pragma once

#include <cstddef>

#include "attention_task.h"

namespace pathpress {

// Keys one after the other in pages (attention_task.h), whose values nobody reads: key k is entry first + k.
struct KeyPages {
  const std::byte* const* pages = nullptr;
  DType type = DType::f32;  // f32 or bf16
  int first = 0;            // below 16

  bool operator==(const KeyPages&) const = default;
};

// out[r·stride + e] = scale · query r · entry e of the pages, every entry of each page.
struct KeyScores {
  KeyPages keys;
  int pages;  // how many
  int dim;
  int rows;
  const float* queries;  // (rows, dim)
  float scale;
  float* out;
  size_t stride;
};

}  // namespace pathpress
