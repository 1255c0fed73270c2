// Keys that do not lie in a cache's pages as they are to be voted on: copies in float32, laid out in the same way.
#pragma once

#include <vector>

#include "../engine/vote_task.h"

namespace pathpress {

class OwnKeys {
 public:
  // Room for `count` keys of `dim` channels; what is not set is 0.
  void reset(size_t count, int dim) {
    dim_ = static_cast<size_t>(dim);
    const size_t pages = (count + pageEntries - 1) / pageEntries, floats = dim_ * pageEntries;
    values_.assign(pages * floats, 0.0f);
    pages_.clear();
    for (size_t page = 0; page < pages; ++page) {
      pages_.push_back(static_cast<const std::byte*>(static_cast<const void*>(values_.data() + page * floats)));
    }
  }
  void set(size_t key, const float* channels) {
    float* to = values_.data() + key / pageEntries * dim_ * pageEntries + key % pageEntries;
    for (size_t i = 0; i < dim_; ++i) to[i * pageEntries] = channels[i];
  }
  // Valid until the next reset.
  KeyPages pages() const { return {pages_.data(), DType::f32, 0}; }

 private:
  size_t dim_ = 0;
  std::vector<float> values_;  // (pages, dim, 16)
  std::vector<const std::byte*> pages_;
};

}  // namespace pathpress
