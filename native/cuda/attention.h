// A decode step's attention: each row over the pages of its sequence's cache, cut into chunks of equal length.
#pragma once

#include "reading.h"

namespace pathpress::cuda {

// Chunks are added up in themselves and joined in order, so that a sequence's sums depend on its own length alone.
constexpr int chunkPages = 32;

struct DecodeAttention {
  Global<const Bf16> query;  // (rows, kvHeads · group, dim)
  Global<const Bf16> pages;  // (pool, kvHeads, 2 · 32 · dim) of the layer; past a sequence's end any finite numbers
  Global<float> sums;        // (rows, kvHeads, chunks, group, dim): values weighted with exp(score - top)
  Global<float> tops;        // (rows, kvHeads, chunks, group): in powers of two
  Global<float> totals;      // (rows, kvHeads, chunks, group): sum of the weights
  Global<Bf16> out;          // (rows, kvHeads · group · dim) as inputAt (product.h) has them; zeros of nobody's row
  PageTable table;
  StepRows rows;
  int kvHeads;
  int group;  // query heads that share a key-value head: 1 to 16
  int dim;    // 64 or 128
  float scale;  // of a score: 1 / sqrt(dim)
  int reach;    // chunks that the longest row has, or more: that many are launched of each
  Global<const Reading> readings;  // (slots); null: all are plain
  KeyTurns turns;                  // of rotated ones
  Global<const int> chosen;        // (rows, kvHeads, mostChosen), read_sets.h
  int mostChosen;
  int layer;
  UnevenHeads uneven;

  // For which there must be room in sums, tops and totals.
  HOST_DEVICE int chunks() const { return (table.width + chunkPages - 1) / chunkPages; }
};

// False where a shape is none that the kernels can do.
bool attend(Stream stream, const DecodeAttention& task);

}  // namespace pathpress::cuda
