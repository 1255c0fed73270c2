// How the attention of some policies' sequences reads, where that is not all entries as they lie in the cache.
#pragma once

#include "rows.h"
#include "words.h"

namespace pathpress::cuda {

constexpr int halfEntries = 16;  // of a half page, which is a page of the CPU engine's
constexpr double boundsShare = 1.0 / halfEntries;  // of a page's bytes: its bounds', two rows of keys a half page

// Of a slot; all zeros where it reads like most.
struct Reading {
  int rotated = 0;      // 1: keys lie unrotated, and turn at every reading by their place among the entries, as queries do
  int halves = 0;       // half pages that a generated token reads of each head, the newest among them; 0: all
  int denseLayers = 0;  // first layers, which read all
  int prompt = 0;       // tokens: those before this position read all
  int uneven = 0;       // 1: each key-value head has entries and pages of its own
  int masked = 0;       // 1: and where it is uneven, each query head sees some of them

  bool plain() const { return rotated == 0 && halves == 0 && uneven == 0; }
  HOST_DEVICE bool chooses(int layer) const { return halves > 0 && layer >= denseLayers; }
  // Half pages that are read of so many entries, chosen among more; 0: all.
  HOST_DEVICE int chosen(int layer, int position, int length) const {
    return chooses(layer) && position >= prompt && length > halves * halfEntries ? halves : 0;
  }
  // Entries that are.
  HOST_DEVICE int entriesRead(int layer, int position, int length) const {
    const int read = chosen(layer, position, length), skipped = (length + halfEntries - 1) / halfEntries - read;
    return read > 0 ? length - skipped * halfEntries : length;
  }
};

// Of slots that read unevenly, in one layer.
struct UnevenHeads {
  Global<const int> pages;  // (slots, kvHeads, width): the layer's pages of single heads, (pool, kvHeads)
  Global<const int> less;   // (slots, kvHeads): entries less than the sequence's longest head has
  Global<const uint16_t> masks;  // (slots, kvHeads, width · 32): bit i lets query head i of the group see an entry

  DEVICE int lessOf(int slot, int kvHeads, int head) const { return less.load(int64_t{slot} * kvHeads + head); }
  DEVICE int64_t page(const PageTable& table, int slot, int kvHeads, int head, int number) const {
    return pages.load((int64_t{slot} * kvHeads + head) * table.width + number);
  }
};

// What turns keys at reading.
struct KeyTurns {
  Global<const float> angles;  // (positions, pairs, 2): cosine and sine
  int pairs;                   // even
  bool neighbours;             // as in HeadPreparation
};

// Turns two pairs, whose channels are the halves of `low` and those of `high`.
DEVICE void turnPairs(uint32_t& low, uint32_t& high, const Words& angle) {
  float first[2], second[2];
  UNROLL(2)
  for (int i = 0; i < 2; ++i) {
    const float cosine = asFloat(angle.word[2 * i]), sine = asFloat(angle.word[2 * i + 1]);
    const float a = half(&low, i), b = half(&high, i);
    first[i] = a * cosine - b * sine;
    second[i] = b * cosine + a * sine;
  }
  low = halves(first[0], first[1]);
  high = halves(second[0], second[1]);
}

// A lane's channels of a key, 8 of every 32, by its place, where it is `wanted`. Both channels of a pair are the lane's own.
template <int dim>
DEVICE void turnKey(const KeyTurns& turns, bool wanted, int place, Words* key) {
  const int inner = threadIndex() % 4;
  const int64_t first = int64_t{place} * turns.pairs;
  if (turns.neighbours) {
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      UNROLL(2)
      for (int two = 0; two < 2; ++two) {
        const int pair = s * 16 + inner * 4 + two * 2;
        const bool turned = wanted && pair < turns.pairs;
        const Words angle = turns.angles.load16If(turned, (first + pair) * 2);
        for (int i = 0; turned && i < 2; ++i) {
          uint32_t& word = key[s].word[two * 2 + i];
          const float a = half(&word, 0), b = half(&word, 1);
          const float cosine = asFloat(angle.word[2 * i]), sine = asFloat(angle.word[2 * i + 1]);
          word = halves(a * cosine - b * sine, b * cosine + a * sine);
        }
      }
    }
    return;
  }
  UNROLL(dim / 64)
  for (int s = 0; s < dim / 64; ++s) {
    UNROLL(4)
    for (int two = 0; two < 4; ++two) {
      const Words angle = turns.angles.load16If(wanted, (first + s * 32 + inner * 8 + two * 2) * 2);
      turnPairs(key[s].word[two], key[s + dim / 64].word[two], angle);
    }
  }
}

}  // namespace pathpress::cuda
