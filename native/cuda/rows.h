// The rows of a decode step, each a token of some sequence. What belongs to a sequence lies at its slot, where it stays
// while rows come and go. A prompt's tokens are rows too: those of one sequence stand together, in order.
#pragma once

#include "device.h"
#include "shape.h"

namespace pathpress::cuda {

// What is known of a sequence from one step to the next.
struct SequenceState {
  Global<int> positions;  // (slots): true position of the token that comes next
  Global<int> entries;    // (slots): entries in the cache, the same for every head
  Global<int> drawn;      // (slots): the last token drawn, or -1 where the logits were no numbers
  Global<int> draws;      // (slots): tokens drawn so far, which choose the random number
  Global<float> entropies{};  // (slots): in bits, of what the last token was drawn from, where its sequence asks for it
};

struct StepRows {
  Global<const int> slots;      // (count): the sequence's, or -1: nobody's row, which computes what no one reads
  Global<const int> positions;  // (count): true ones
  Global<const int> lengths;    // (count): entries that the row sees, its own the last
  int count;

  // Of the rows of its sequence.
  DEVICE bool isLast(int row, int slot) const { return row + 1 == count || slots.load(row + 1) != slot; }
};

struct PageTable {
  Global<const int> pages;  // (slots, width): the pool's pages in the order of the entries
  int width;

  DEVICE int64_t page(int slot, int number) const { return pages.load(static_cast<int64_t>(slot) * width + number); }
};

}  // namespace pathpress::cuda
