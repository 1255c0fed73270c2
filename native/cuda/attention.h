// A decode step's attention: one query token a sequence, over pages of its cache, cut into chunks of equal length.
#pragma once

#include "device.h"

namespace pathpress::cuda {

// A page holds, of one sequence and key-value head, keys (32, dim) and then values (dim, 32): values lie transposed, so
// that both are the mma's B operand as they are read, 16 bytes a lane.
constexpr int cachePageEntries = 32;

// Chunks are added up in themselves and joined in order, so that a sequence's sums depend on its own length alone.
constexpr int chunkPages = 16;

struct DecodeAttention {
  Global<const Bf16> query;   // (sequences, kvHeads · group, dim)
  Global<const Bf16> pages;   // (pool, kvHeads, 2 · 32 · dim) of the layer; past a sequence's end any finite numbers
  Global<const int> table;    // (sequences, tableWidth): the pool's pages in the order of the entries
  Global<const int> lengths;  // (sequences): entries, at least 1
  Global<float> sums;         // (sequences, kvHeads, chunks, group, dim): values weighted with exp(score - top)
  Global<float> tops;         // (sequences, kvHeads, chunks, group): in powers of two
  Global<float> totals;       // (sequences, kvHeads, chunks, group): sum of the weights
  Global<Bf16> out;           // (sequences, kvHeads · group, dim)
  int sequences;
  int kvHeads;
  int group;  // query heads that share a key-value head: 1 to 16
  int dim;    // 64 or 128
  int tableWidth;
  float scale;  // of a score: 1 / sqrt(dim)

  // For which there must be room in sums, tops and totals.
  HOST_DEVICE int chunks() const { return (tableWidth + chunkPages - 1) / chunkPages; }
};

// False where a shape is none that the kernels can do.
bool attend(Stream stream, const DecodeAttention& task);

}  // namespace pathpress::cuda
