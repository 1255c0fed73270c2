// Which pages a decode pass reads (Recipe::readPages), and what tells so: the least and the largest value of each key
// channel in each page, of one sequence. Side bytes, which are read at every pass too.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../policies/policy.h"
#include "sequence_cache.h"

namespace pathpress {

struct PageScratch {
  std::vector<float> scores, key;
  std::vector<int> order;
};

class PageBounds {
 public:
  PageBounds(const Recipe& recipe, int64_t promptTokens, const CacheShape& shape);

  bool active() const { return pages_ > 0; }
  // Whether the token at this position reads chosen pages only: during decoding, after the dense layers.
  bool choose(int layer, int64_t position) const { return pages_ > 0 && layer >= dense_ && position >= prompt_; }

  // The pages that the query heads of a key-value head read of its first `entries` entries, ascending: the newest page,
  // and of the others those with the largest bound on q·k, summed over the query heads (group, dim); the earlier page
  // wins a tie. Notes the bounds of entries that are new; heads may go on different threads.
  std::span<const int> pages(const SequenceCache& cache, int layer, int kvHead, int entries, const float* queries,
                             int group, PageScratch& scratch);

  void clear();

  // Entries that a decode pass reads of a head with that many, and bytes of bounds that it reads to choose them.
  int64_t entriesRead(int layer, int64_t entries) const;
  int64_t boundBytesRead(int layer, int64_t entries) const;

  size_t bytes() const;
  // The bytes of a head that has been read with so many entries.
  int64_t bytesAt(int layer, int64_t entries) const;

 private:
  struct Bounds {
    std::vector<float> least, largest;  // (pages, dim)
    int noted = 0;                      // entries
  };
  void note(const SequenceCache& cache, int layer, int kvHead, int entries, PageScratch& scratch);
  Bounds& bounds(int layer, int kvHead) { return bounds_[static_cast<size_t>((layer - dense_) * kvHeads_ + kvHead)]; }

  int pages_, dense_, kvHeads_, dim_;
  int64_t prompt_;
  std::vector<Bounds> bounds_;  // (layers that are not dense, kvHeads)
};

}  // namespace pathpress
