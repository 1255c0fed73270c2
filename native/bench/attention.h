// Attention alone, without a model.
#pragma once

#include <string_view>
#include <vector>

#include "../engine/dtype.h"
#include "../models/products.h"

namespace pathpress {

struct AttentionWork {
  int sequences, kvHeads, group, dim, entries;
  DType type;  // of the pages
  ProductInput products;
  int threads;
  std::string_view kernels;  // empty: the fastest
};

// Seconds of each of `rounds` passes of one token of every sequence over one layer's pages of noise, each head's its own.
// A first pass, that nobody counts, warms up. Throws std::bad_alloc.
std::vector<double> attentionSeconds(const AttentionWork& work, int rounds);

}  // namespace pathpress
