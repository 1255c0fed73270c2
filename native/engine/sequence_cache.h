// Keys and values of one sequence: for every (layer, key-value head) its own list of blocks and number of entries, so
// that a head that keeps less holds less memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aligned.h"
#include "block_pool.h"
#include "page.h"

namespace pathpress {

struct CacheShape {
  int layers = 0;
  int kvHeads = 0;
  PageLayout page;
};

// What a policy needs to know of entries beside keys and values; its bytes count as side bytes.
struct CacheTracking {
  bool positions = false;         // true positions, one list a layer
  bool positionsPerHead = false;  // one list a key-value head in place of that
  bool masks = false;             // which query heads of the group see an entry
};

// Pages of a cache called f32, bf16, int8, int4 or, for the model's own (f32 for all but bf16), "". Throws EngineError
// BAD_OPTION.
PageLayout pageLayout(int dim, const std::string& name, DType weights);

struct HeadCache {
  std::vector<std::byte*> blocks;
  int count = 0;                // entries
  std::vector<uint32_t> masks;  // (count) where tracked: bit h, query head h of the group sees it
};

class SequenceCache {
 public:
  SequenceCache(BlockPool& pool, const CacheShape& shape, CacheTracking tracking);
  ~SequenceCache();
  SequenceCache(const SequenceCache&) = delete;
  SequenceCache& operator=(const SequenceCache&) = delete;

  const CacheShape& shape() const { return shape_; }
  const CacheTracking& tracking() const { return tracking_; }
  HeadCache& head(int layer, int kvHead) { return heads_[index(layer, kvHead)]; }
  const HeadCache& head(int layer, int kvHead) const { return heads_[index(layer, kvHead)]; }
  // True positions of a head's entries, ascending; only where tracked.
  std::vector<int32_t>& positions(int layer, int kvHead) {
    return positions_[tracking_.positionsPerHead ? index(layer, kvHead) : static_cast<size_t>(layer)];
  }

  // Makes room for `entries` more in every head. Throws EngineError OUT_OF_MEMORY naming the bytes needed and at hand;
  // what it holds then is good, and it may be asked again.
  void reserve(int entries);
  // Counts `entries` in, which write() has filled; the first has true position `position`.
  void commit(int entries, int position);
  // Writes entry count + offset of a head: rotated key and value, (dim) each. In a quantised cache a layer's are written
  // after those of the layer before were closed and read.
  void write(int layer, int kvHead, int offset, const float* key, const float* value);
  // Fetches the lines that the layer's writes at `offset` are for.
  void fetch(int layer, int offset) const;
  // Of a quantised cache, once a head's `entries` new ones are written: quantises the pages that they make whole, and
  // keeps the last where it is not. Until the next layer's are written all are still there in full (fullPage). Heads of a
  // layer may be closed at once from several threads.
  void close(int layer, int kvHead, int entries);
  // A page of the layer written last that is not before the head's first new entry, in float32.
  const std::byte* fullPage(int layer, int kvHead, int page) const;
  // Writes the first so many entries of a head from noise, a few pages of it over and over; commit() follows.
  void makeUp(int layer, int kvHead, int entries);

  void readKey(int layer, int kvHead, int entry, float* key) const;
  void readValue(int layer, int kvHead, int entry, float* value) const;
  // Keeps the entries listed, ascending, and forgets the rest; blocks are still held until releaseTails(). Positions
  // are the caller's to compact. Heads may be compacted at once from several threads.
  void compact(int layer, int kvHead, std::span<const int32_t> kept);
  // Forgets the last `entries` of every head, and gives their blocks back.
  void cut(int entries);
  // Gives blocks past each head's entries back to the pool.
  void releaseTails();
  // Forgets every entry and gives all blocks back.
  void clear();

  int64_t entries() const { return entries_; }  // summed over layers and key-value heads
  size_t blocks() const { return blocks_; }
  size_t bytes() const;  // of the blocks that its entries are in: room reserved ahead does not count
  size_t trackingBytes() const;  // of positions and masks

 private:
  size_t index(int layer, int kvHead) const {
    return static_cast<size_t>(layer) * static_cast<size_t>(shape_.kvHeads) + static_cast<size_t>(kvHead);
  }
  float* newPage(int kvHead, int page) {
    return newPages_.data() + static_cast<size_t>(kvHead * newPagesAHead_ + page) * (shape_.page.fullBytes() / sizeof(float));
  }
  void keepOpen(const float* page, std::byte* const* blocks) const;

  BlockPool& pool_;
  CacheShape shape_;
  CacheTracking tracking_;
  std::vector<HeadCache> heads_;
  std::vector<std::vector<int32_t>> positions_;
  int64_t entries_ = 0;
  size_t blocks_ = 0;
  // Of a quantised cache the pages of one layer that a pass writes in, (kvHeads, newPagesAHead_, page): a buffer of the pass.
  Aligned<float> newPages_;
  int newPagesAHead_ = 0;
};

}  // namespace pathpress
