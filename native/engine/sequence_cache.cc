#include "sequence_cache.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "errors.h"

namespace pathpress {
PageLayout pageLayout(int dim, const std::string& name, DType weights) {
  if (name.empty()) return {dim, weights == DType::bf16 ? DType::bf16 : DType::f32};
  for (const PageLayout& layout :
       {PageLayout{dim, DType::f32}, {dim, DType::bf16}, {dim, DType::f32, 8}, {dim, DType::f32, 4}}) {
    if (name == layout.name()) return layout;
  }
  throw EngineError("BAD_OPTION", "cache \"" + name + "\" is not f32, bf16, int8 or int4");
}

SequenceCache::SequenceCache(BlockPool& pool, const CacheShape& shape, CacheTracking tracking)
    : pool_(pool), shape_(shape), tracking_(tracking) {
  heads_.resize(static_cast<size_t>(shape.layers) * static_cast<size_t>(shape.kvHeads));
  if (tracking.positions) {
    positions_.resize(tracking.positionsPerHead ? heads_.size() : static_cast<size_t>(shape.layers));
  }
}

SequenceCache::~SequenceCache() { clear(); }

void SequenceCache::clear() {
  for (HeadCache& head : heads_) {
    for (std::byte* block : head.blocks) pool_.give(block);
    head.blocks.clear();
    head.masks.clear();
    head.count = 0;
  }
  for (std::vector<int32_t>& positions : positions_) positions.clear();
  entries_ = 0;
  blocks_ = 0;
}

void SequenceCache::reserve(int entries) {
  size_t missing = 0;
  for (const HeadCache& head : heads_) {
    const size_t needed = shape_.page.blocks(head.count + entries);
    if (needed > head.blocks.size()) missing += needed - head.blocks.size();
  }
  if (const size_t atHand = missing > 0 ? pool_.atHand() : 0; missing > atHand) {
    const auto bytes = [this](size_t blocks) { return std::to_string(blocks * pool_.blockBytes()); };
    throw EngineError("OUT_OF_MEMORY", "KV cache: " + std::to_string(entries) + " more entries need " + bytes(missing) +
                                           " bytes, at hand are " + bytes(atHand) + " of " + bytes(pool_.capacity()) +
                                           " (" + bytes(blocks_) + " are this sequence's)");
  }
  for (HeadCache& head : heads_) {
    const size_t needed = shape_.page.blocks(head.count + entries);
    while (head.blocks.size() < needed) {
      const std::byte* const last = head.blocks.empty() ? nullptr : head.blocks.back();
      head.blocks.push_back(nullptr);
      try {
        head.blocks.back() = pool_.takeAfter(last);
      } catch (...) {
        head.blocks.pop_back();
        throw;
      }
      ++blocks_;
    }
    if (tracking_.masks) head.masks.resize(static_cast<size_t>(head.count + entries), ~0u);  // seen by all
  }
  if (!shape_.page.quantised()) return;
  newPagesAHead_ = (heads_[0].count % pageEntries + entries - 1) / pageEntries + 1;
  const size_t floats = shape_.page.fullBytes() / sizeof(float);
  newPages_.resize(static_cast<size_t>(shape_.kvHeads * newPagesAHead_) * floats);
}

void SequenceCache::commit(int entries, int position) {
  for (HeadCache& head : heads_) head.count += entries;
  for (std::vector<int32_t>& positions : positions_) {
    for (int i = 0; i < entries; ++i) positions.push_back(position + i);
  }
  entries_ += static_cast<int64_t>(heads_.size()) * entries;
}

void SequenceCache::write(int layer, int kvHead, int offset, const float* key, const float* value) {
  HeadCache& to = head(layer, kvHead);
  if (shape_.page.quantised()) {
    const int slot = to.count % pageEntries + offset;
    auto* page = static_cast<std::byte*>(static_cast<void*>(newPage(kvHead, slot / pageEntries)));
    return shape_.page.write(page, slot % pageEntries, key, value);
  }
  const int entry = to.count + offset;
  shape_.page.write(to.blocks[static_cast<size_t>(entry / pageEntries)], entry % pageEntries, key, value);
}

void SequenceCache::fetch(int layer, int offset) const {
  if (shape_.page.quantised()) return;  // what it writes in is near
  for (int kvHead = 0; kvHead < shape_.kvHeads; ++kvHead) {
    const HeadCache& to = head(layer, kvHead);
    const int entry = to.count + offset;
    shape_.page.fetch(to.blocks[static_cast<size_t>(entry / pageEntries)], entry % pageEntries);
  }
}

void SequenceCache::close(int layer, int kvHead, int entries) {
  const HeadCache& head = this->head(layer, kvHead);
  const size_t dim = static_cast<size_t>(shape_.page.dim), first = static_cast<size_t>(head.count / pageEntries);
  if (const size_t before = static_cast<size_t>(head.count % pageEntries)) {  // entries of the first page
    const size_t rows = dim * pageEntries, block = pool_.blockBytes() / sizeof(float);
    float* page = newPage(kvHead, 0);
    const auto take = [&](size_t from, size_t count) {  // blocks are whole lines, and so are the rows of keys
      for (const size_t end = from + count; from < end;) {
        const size_t together = std::min(end - from, block - from % block);
        std::memcpy(page + from, head.blocks[first + from / block] + from % block * sizeof(float), together * sizeof(float));
        from += together;
      }
    };
    for (size_t i = 0; i < dim; ++i) take(i * pageEntries, before);
    take(rows, before * dim);
  }
  const int last = (head.count + entries) / pageEntries - head.count / pageEntries;
  for (int page = 0; page < last; ++page) {
    shape_.page.codes().quantise(newPage(kvHead, page), head.blocks[first + static_cast<size_t>(page)]);
  }
  if ((head.count + entries) % pageEntries) keepOpen(newPage(kvHead, last), head.blocks.data() + first + last);
}

// A page in full over as many blocks as that takes.
void SequenceCache::keepOpen(const float* page, std::byte* const* blocks) const {
  const std::span<const std::byte> bytes(std::as_bytes(std::span(page, shape_.page.fullBytes() / sizeof(float))));
  for (size_t at = 0; at < bytes.size(); at += pool_.blockBytes()) {
    std::memcpy(*blocks++, bytes.data() + at, std::min(pool_.blockBytes(), bytes.size() - at));
  }
}

const std::byte* SequenceCache::fullPage(int layer, int kvHead, int page) const {
  const size_t at = static_cast<size_t>(kvHead * newPagesAHead_ + page - head(layer, kvHead).count / pageEntries);
  return std::as_bytes(std::span(newPages_)).data() + at * shape_.page.fullBytes();
}

void SequenceCache::makeUp(int layer, int kvHead, int entries) {
  constexpr int different = 4 * pageEntries;
  const size_t dim = static_cast<size_t>(shape_.page.dim);
  std::vector<float> key(dim), value(dim);
  uint32_t state = static_cast<uint32_t>(index(layer, kvHead)) + 1;
  const auto noise = [&state] {  // a linear congruence, in [-1, 1)
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
  };
  const auto& blocks = head(layer, kvHead).blocks;
  if (shape_.page.quantised()) {
    std::vector<float> full(2 * pageEntries * dim);
    for (int begin = 0; begin < entries; begin += pageEntries) {
      std::ranges::generate(full, noise);
      std::byte* const* to = blocks.data() + begin / pageEntries;
      if (begin + pageEntries > entries) keepOpen(full.data(), to);
      else if (begin < different) shape_.page.codes().quantise(full.data(), *to);
      else std::memcpy(*to, blocks[static_cast<size_t>(begin % different / pageEntries)], pool_.blockBytes());
    }
    return;
  }
  for (int entry = 0; entry < std::min(entries, different); ++entry) {
    std::ranges::generate(key, noise);
    std::ranges::generate(value, noise);
    write(layer, kvHead, entry, key.data(), value.data());
  }
  for (size_t block = different / pageEntries; block < shape_.page.blocks(entries); ++block) {
    std::memcpy(blocks[block], blocks[block % (different / pageEntries)], pool_.blockBytes());
  }
}

void SequenceCache::readKey(int layer, int kvHead, int entry, float* key) const {
  const HeadCache& from = head(layer, kvHead);
  shape_.page.readKey(from.blocks[static_cast<size_t>(entry / pageEntries)], entry % pageEntries, key);
}

void SequenceCache::readValue(int layer, int kvHead, int entry, float* value) const {
  const HeadCache& from = head(layer, kvHead);
  shape_.page.readValue(from.blocks[static_cast<size_t>(entry / pageEntries)], entry % pageEntries, value);
}

void SequenceCache::compact(int layer, int kvHead, std::span<const int32_t> kept) {
  HeadCache& cache = head(layer, kvHead);
  const auto count = static_cast<int>(kept.size());
  int first = 0;  // whose entry does not stay where it is
  while (first < count && kept[static_cast<size_t>(first)] == first) ++first;
  for (int begin = first / pageEntries * pageEntries; begin < count; begin += pageEntries) {
    const std::byte* from[pageEntries];
    int slots[pageEntries];
    const int together = std::min(pageEntries, count - begin);
    for (int i = 0; i < together; ++i) {
      const int entry = kept[static_cast<size_t>(begin + i)];
      from[i] = cache.blocks[static_cast<size_t>(entry / pageEntries)];
      slots[i] = entry % pageEntries;
    }
    shape_.page.gather(from, slots, together, cache.blocks[static_cast<size_t>(begin / pageEntries)]);
  }
  cache.count = count;
  if (!tracking_.masks) return;
  for (size_t i = 0; i < kept.size(); ++i) cache.masks[i] = cache.masks[static_cast<size_t>(kept[i])];
  cache.masks.resize(kept.size());
}

void SequenceCache::cut(int entries) {
  for (HeadCache& head : heads_) {
    head.count -= entries;
    if (tracking_.masks) head.masks.resize(static_cast<size_t>(head.count));
  }
  for (std::vector<int32_t>& positions : positions_) positions.resize(positions.size() - static_cast<size_t>(entries));
  releaseTails();
}

void SequenceCache::releaseTails() {
  entries_ = 0;
  for (HeadCache& head : heads_) {
    for (const size_t needed = shape_.page.blocks(head.count); head.blocks.size() > needed; --blocks_) {
      pool_.give(head.blocks.back());
      head.blocks.pop_back();
    }
    entries_ += head.count;
  }
}

size_t SequenceCache::bytes() const {
  size_t blocks = 0;
  for (const HeadCache& head : heads_) blocks += shape_.page.blocks(head.count);
  return blocks * pool_.blockBytes();
}

size_t SequenceCache::trackingBytes() const {
  size_t bytes = 0;
  for (const HeadCache& head : heads_) bytes += head.masks.size() * sizeof(uint32_t);
  for (const auto& positions : positions_) bytes += positions.size() * sizeof(int32_t);
  return bytes;
}

}  // namespace pathpress
