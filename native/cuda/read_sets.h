// Which half pages the attention of a generated token reads (Recipe::readPages), and the bounds of keys that tell so:
// native/engine/page_bounds.h on the device, between the preparation of heads and the attention.
#pragma once

#include "reading.h"

namespace pathpress::cuda {

struct ReadSets {
  Global<const Bf16> query;        // (rows, kvHeads · group, dim)
  Global<const Bf16> pages;        // (pool, kvHeads, 2 · 32 · dim) of the layer
  PageTable table;
  StepRows rows;
  Global<const Reading> readings;  // (slots)
  Global<Bf16> bounds;             // (slots, kvHeads, halves(), 2, dim) of the layer: a half page's least and largest keys
  Global<uint32_t> orders;         // (rows, kvHeads, halves()): of the half pages' scores
  Global<int> chosen;              // (rows, kvHeads, mostChosen): those read, ascending; the newest last
  int mostChosen;
  int layer, kvHeads, group, dim;

  HOST_DEVICE int halves() const { return table.width * (cachePageEntries / halfEntries); }
  HOST_DEVICE int64_t boundsAt(int slot, int head, int number) const {
    return ((int64_t{slot} * kvHeads + head) * halves() + number) * 2 * dim;
  }
};

// Notes the rows' new entries, and fills `chosen` for the rows that do not read all. False where the head size is none
// that the kernels can do.
bool chooseReadSets(Stream stream, const ReadSets& task);

}  // namespace pathpress::cuda
