#include "page_bounds.h"

#include <algorithm>
#include <numeric>

namespace pathpress {
namespace {

int64_t pagesFor(int64_t entries) { return (entries + pageEntries - 1) / pageEntries; }

}  // namespace

PageBounds::PageBounds(const Recipe& recipe, int64_t promptTokens, const CacheShape& shape)
    : pages_(static_cast<int>(recipe.readPages)), dense_(static_cast<int>(recipe.denseLayers)), kvHeads_(shape.kvHeads),
      dim_(shape.page.dim), prompt_(promptTokens) {
  if (pages_ > 0) bounds_.resize(static_cast<size_t>(std::max(0, shape.layers - dense_) * kvHeads_));
}

void PageBounds::note(const SequenceCache& cache, int layer, int kvHead, int entries, PageScratch& scratch) {
  Bounds& to = bounds(layer, kvHead);
  const auto dim = static_cast<size_t>(dim_);
  scratch.key.resize(dim);
  for (; to.noted < entries; ++to.noted) {
    cache.readKey(layer, kvHead, to.noted, scratch.key.data());
    if (to.noted % pageEntries == 0) {
      to.least.insert(to.least.end(), scratch.key.begin(), scratch.key.end());
      to.largest.insert(to.largest.end(), scratch.key.begin(), scratch.key.end());
    }
    float *least = &to.least[to.least.size() - dim], *largest = &to.largest[to.largest.size() - dim];
    for (size_t i = 0; i < dim; ++i) {
      least[i] = std::min(least[i], scratch.key[i]);
      largest[i] = std::max(largest[i], scratch.key[i]);
    }
  }
}

std::span<const int> PageBounds::pages(const SequenceCache& cache, int layer, int kvHead, int entries,
                                       const float* queries, int group, PageScratch& scratch) {
  note(cache, layer, kvHead, entries, scratch);
  const Bounds& from = bounds(layer, kvHead);
  const auto count = static_cast<int>(pagesFor(entries));
  scratch.order.resize(static_cast<size_t>(count));
  std::iota(scratch.order.begin(), scratch.order.end(), 0);
  if (count <= pages_) return scratch.order;
  scratch.scores.assign(static_cast<size_t>(count), 0.0f);
  for (int page = 0; page < count - 1; ++page) {
    const auto at = static_cast<size_t>(page * dim_);
    const float *least = &from.least[at], *largest = &from.largest[at];
    float sum = 0;
    for (int h = 0; h < group; ++h) {
      const float* query = queries + h * dim_;
      for (int i = 0; i < dim_; ++i) sum += std::max(query[i] * least[i], query[i] * largest[i]);
    }
    scratch.scores[static_cast<size_t>(page)] = sum;
  }
  const auto chosen = scratch.order.begin() + (pages_ - 1);
  std::nth_element(scratch.order.begin(), chosen, scratch.order.end() - 1, [&scratch](int a, int b) {
    const float x = scratch.scores[static_cast<size_t>(a)], y = scratch.scores[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  std::sort(scratch.order.begin(), chosen);
  *chosen = count - 1;
  return {scratch.order.data(), static_cast<size_t>(pages_)};
}

void PageBounds::clear() {
  for (Bounds& one : bounds_) one = {};
}

int64_t PageBounds::entriesRead(int layer, int64_t entries) const {
  const int64_t count = pagesFor(entries);
  return pages_ == 0 || layer < dense_ || count <= pages_ ? entries : entries - (count - pages_) * pageEntries;
}

int64_t PageBounds::boundBytesRead(int layer, int64_t entries) const {
  const int64_t count = pagesFor(entries);
  const bool all = pages_ == 0 || layer < dense_ || count <= pages_;
  return all ? 0 : 2 * (count - 1) * dim_ * static_cast<int64_t>(sizeof(float));
}

int64_t PageBounds::bytesAt(int layer, int64_t entries) const {
  if (pages_ == 0 || layer < dense_) return 0;
  return 2 * pagesFor(entries) * dim_ * static_cast<int64_t>(sizeof(float));
}

size_t PageBounds::bytes() const {
  size_t floats = 0;
  for (const Bounds& one : bounds_) floats += one.least.size() + one.largest.size();
  return floats * sizeof(float);
}

}  // namespace pathpress
