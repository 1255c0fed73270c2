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
    const bool inside = first < end;
    const int number = cache.table.loadIf(inside, int64_t{at.due.slot} * cache.tableWidth + at.page);
    const int64_t page = cache.page(at.layer, number, at.head);
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      UNROLL(4)
      for (int m = 0; m < 4; ++m) {
        const int entry = outer / 2 * 8 + m * 2 + outer % 2;
        const bool wanted = first + entry >= begin && first + entry < end;
        word[s][m] = cache.pages.stream16If(wanted, page + entry * dim + s * 32 + inner * 8);
      }
    }
  }
};

}  // namespace pathpress::cuda
