// Between the product of queries, keys and values and the attention: norms over heads, rotation, the new cache entries
// and the query rows that a policy keeps, in one launch.
#pragma once

#include "reading.h"

namespace pathpress::cuda {

// Rotated query rows that votes are taken of. Rows take turns by position, as in the CPU engine's QueryRows.
struct QueryRing {
  Global<Bf16> rows;             // (slots, mostRows, heads · dim) of the layer; null: nobody asks for any
  Global<const int> rowsOfSlot;  // (slots): rows that take turns, at most mostRows
  Global<const int> from, until; // (slots): positions in [from, until) are kept
  int mostRows;
};

struct HeadPreparation {
  Global<const float> qkv;                       // (rows, (heads + 2 · kvHeads) · dim)
  Global<const Bf16> queryNorm, keyNorm;         // (dim), or null
  Global<const float> angles;                    // (positions, pairs, 2): cosine and sine
  Global<Bf16> query;                            // (rows, heads · dim)
  Global<Bf16> pages;                            // (pool, kvHeads, 2 · 32 · dim) of the layer
  PageTable table;
  QueryRing ring;
  StepRows rows;
  int heads;
  int kvHeads;
  int dim;          // 64 or 128
  int pairs;        // that rotate: dim / 2 where halves do
  bool neighbours;  // channels 2i and 2i + 1 rotate together, else i and i + pairs
  float epsilon;
  Global<const Reading> readings;  // (slots): by place turn queries, and no keys, of rotated ones; null: all are plain
  UnevenHeads uneven;
};

// False where a shape is none that the kernel can do.
bool prepareHeads(Stream stream, const HeadPreparation& task);

}  // namespace pathpress::cuda
