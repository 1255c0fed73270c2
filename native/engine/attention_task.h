// What a back end's attention is asked for: pages of one key-value head, cut into pieces of equal length. Pieces are added
// up in themselves and then joined in order, so that the order of summation depends on the number of entries alone,
// whichever thread has a piece.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.h"

namespace pathpress {

// Entries in a page. A page holds, for one sequence, layer and key-value head, keys (dim, 16) and then values (16, dim):
// keys lie transposed, so that sixteen scores are summed side by side without a horizontal addition.
constexpr int pageEntries = 16;

// Few enough that a piece's scores stay in the first cache and its keys and values in the second.
constexpr int piecePages = 16;
constexpr int pieceEntries = piecePages * pageEntries;

// Query tokens of one sequence, each seeing one entry more than the one before it, against one piece.
struct AttentionTask {
  const std::byte* const* pages;  // of the piece
  const std::byte* const* next;   // of the same reading, those after the piece
  int nextPages;
  const std::byte* const* then;   // those of the reading that the thread turns to after that
  int thenPages;
  int fetched;                    // of all these, in this order, what tasks before it have fetched
  bool near;                      // the pages are in the processor's caches, and need not be fetched a piece ahead
  int entries;                    // of the piece that row 0 sees, below 1 where it sees none; row r sees r more
  int rows;
  int group;  // query heads that share the key-value head
  int dim;
  DType type;             // of the pages: f32 or bf16
  float scale;            // 1 / sqrt(dim)
  bool rounded;           // queries and weights are rounded to bfloat16 before they multiply pages of bfloat16
  const float* query;     // (rows, group, dim)
  const uint32_t* masks;  // (entries): bit h lets query head h see the entry; null where all see all; one row only
  float* scores;          // (rows, group, 256): exp(score - top)
  float* sums;            // (rows, group, dim): values weighted with that
  float* tops;            // (rows, group)
  float* totals;          // (rows, group): sum of those weights
};

// Pages after a task's own that have been fetched when it is done: as many as a whole piece has, where so many are known,
// however few its own are. So fetching keeps its pace where a reading ends with a short piece.
static inline int fetchedAhead(const AttentionTask& task) {
  const int known = task.nextPages + task.thenPages;
  return task.near ? 0 : known < piecePages ? known : piecePages;
}

// Joins the pieces of one query token.
struct AttentionJoin {
  int entries;  // of all pieces together that the row sees
  int group;
  int dim;
  int stride;           // query heads from one piece's to the next in sums, tops and totals
  const float* sums;    // (pieces, stride, dim), from the row's first head on, as the others
  const float* tops;    // (pieces, stride)
  const float* totals;  // (pieces, stride)
  float* out;           // (group, dim)
  const float* scores;  // (pieces, group, 256) where weights are asked for
  float* weights;       // (entries rounded up to 16): mean over the group of the softmax; null where nobody asks
};

}  // namespace pathpress
