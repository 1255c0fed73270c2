// Keys of one page in registers.
#pragma once

#include "places.h"

namespace pathpress::cuda {

// A page's keys as the mma's B operand, for as long as rows pass by. Column c of score tile m is entry
// 8·(c / 2) + 2·m + c % 2, so that a lane's eight scores of a row belong to eight entries in a row.
template <int dim>
struct PageKeys {
  Words word[dim / 32][4];

  // Of entries [begin, end) alone; the others are zeros.
  DEVICE PageKeys(const CacheCompression& cache, const VotePlace& at, int begin, int end) {
    const int lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
    const int first = at.page * cachePageEntries;
    if (cache.own) {
      gather(cache, at, begin, end);
      return;
    }
    const bool inside = first < end;
    const int number = cache.table.loadIf(inside, int64_t{at.due.slot} * cache.tableWidth + at.page);
    const int own = outer / 2 * 8 + outer % 2;  // the first of the lane's entries
    const int64_t page = cache.page(at.layer, number, at.head) + keyAt(own, inner * 8);
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      UNROLL(4)
      for (int m = 0; m < 4; ++m) {
        const int entry = first + own + m * 2;
        const bool wanted = entry >= begin && entry < end;
        word[s][m] = cache.pages.stream16If(wanted, page + keyAt(m * 2, s * 32));
      }
    }
  }

 private:
  // Those of a query head's own set, wherever its key-value head holds them.
  DEVICE void gather(const CacheCompression& cache, const VotePlace& at, int begin, int end) {
    const int lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
    const int kvHead = at.head / cache.own.group, held = heldBy(cache, at.due, at.layer, kvHead);
    UNROLL(4)
    for (int m = 0; m < 4; ++m) {
      const int entry = at.page * cachePageEntries + outer / 2 * 8 + m * 2 + outer % 2;
      const bool wanted = entry >= begin && entry < end;
      const int member = memberIf(wanted, cache, at.due, at.layer, at.head, held, entry);
      const int64_t page = ownPageIf(wanted, cache, at.due, at.layer, kvHead, member);
      UNROLL(dim / 32)
      for (int s = 0; s < dim / 32; ++s) {
        const int key = keyAt(member % cachePageEntries, s * 32 + inner * 8);
        word[s][m] = cache.pages.load16If(wanted, page + key);
      }
    }
  }
};

}  // namespace pathpress::cuda
