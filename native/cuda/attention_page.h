// One page of attention in a warp's registers: its scores, their weights, and what the values come to.
#pragma once

#include <cmath>

#include "attention.h"
#include "words.h"

namespace pathpress::cuda {

constexpr float noScore = -INFINITY;

// What a lane's own entries come to for query heads lane / 4, and 8 more where `rows` is 16; and for heads
// 2 · (lane % 4) and the next one, of each 16 channels the values of channels lane / 4 and 8 more.
template <int dim, int rows>
struct HeadSums {
  float top[2] = {noScore, noScore};
  float total[2] = {};
  FragmentC out[rows / 8][dim / 16] = {};
};

// Which of the lane's eight entries of a page the query heads of its rows see.
struct Seen {
  Words masks{{~0u, ~0u, ~0u, ~0u}};

  DEVICE bool of(int entry, int half) const {
    return masks.word[entry / 2] >> (entry % 2 * 16 + half * 8 + threadIndex() % 32 / 4) & 1;
  }
};

// What a score that is none is raised from, so that it comes to nothing.
DEVICE float baseOf(float top) { return top == noScore ? 0.0f : top; }

// Where a lane reads a page, of which `left` entries or more are the row's. `place`: of the first entry where keys are
// turned, else below 0. A row may see no entry of the page where it is special.
struct PageAt {
  int64_t keys = 0, values = 0;
  int place = -1, left = 0;
  Seen seen;
};

// Column c of score tile m is entry 8·(c / 2) + 2·m + c % 2, so that a lane's eight scores of a head belong to eight
// entries in a row, which it reads of a channel's values in one access.
template <int dim>
struct LoadedKeys {
  Words of[4][dim / 32];  // score tile, 32 channels

  DEVICE void load(const DecodeAttention& task, const PageAt& at) {
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      UNROLL(4)
      for (int m = 0; m < 4; ++m) loadPart(task, at, m, s);
    }
  }
  DEVICE void score(const FragmentA* query, FragmentC* scores) const {
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      UNROLL(4)
      for (int m = 0; m < 4; ++m) scorePart(query, scores, m, s);
    }
  }
  // The scores of keys that are turned first, a tile at a time: there are no registers for more.
  DEVICE void scoreTurned(const DecodeAttention& task, const PageAt& at, const FragmentA* query, FragmentC* scores) {
    UNROLL(4)
    for (int m = 0; m < 4; ++m) {
      UNROLL(dim / 32)
      for (int s = 0; s < dim / 32; ++s) loadPart(task, at, m, s);
      turnKey<dim>(task.turns, entryOf(m) < at.left, at.place + entryOf(m), of[m]);
      UNROLL(dim / 32)
      for (int s = 0; s < dim / 32; ++s) scorePart(query, scores, m, s);
    }
  }

 private:
  static DEVICE int entryOf(int m) {
    const int outer = threadIndex() % 32 / 4;
    return outer / 2 * 8 + outer % 2 + m * 2;
  }
  DEVICE void loadPart(const DecodeAttention& task, const PageAt& at, int m, int s) {
    const int64_t first = at.keys + keyAt(entryOf(0), 0) + threadIndex() % 4 * 8;
    of[m][s] = task.pages.stream16If(entryOf(m) < at.left, first + keyAt(m * 2, s * 32));
  }
  DEVICE void scorePart(const FragmentA* query, FragmentC* scores, int m, int s) const {
    const Words& key = of[m][s];
    mma(scores[m], query[2 * s], {{key.word[0], key.word[1]}});
    mma(scores[m], query[2 * s + 1], {{key.word[2], key.word[3]}});
  }
};

template <int dim>
struct LoadedValues {
  Words of[dim / 16][2];  // 16 channels, of which a lane has two

  DEVICE void load(const DecodeAttention& task, const PageAt& at) {
    const int outer = threadIndex() % 32 / 4, inner = threadIndex() % 4;
    const int64_t first = at.values + cachePageEntries * dim + inner * 8;
    UNROLL(dim / 16)
    for (int n = 0; n < dim / 16; ++n) {
      UNROLL(2)
      for (int i = 0; i < 2; ++i) {
        of[n][i] = task.pages.stream16If(inner * 8 < at.left, first + (n * 16 + i * 8 + outer) * cachePageEntries);
      }
    }
  }
  // The weights are the mma's other operand just as the scores lie.
  template <int rows>
  DEVICE void add(const FragmentC* weights, HeadSums<dim, rows>& sums) const {
    UNROLL(rows / 8)
    for (int half = 0; half < rows / 8; ++half) {
      uint32_t seen[4];
      UNROLL(4)
      for (int m = 0; m < 4; ++m) seen[m] = halves(weights[m].value[half * 2], weights[m].value[half * 2 + 1]);
      UNROLL(dim / 16)
      for (int n = 0; n < dim / 16; ++n) {
        const Words &low = of[n][0], &high = of[n][1];
        mma(sums.out[half][n], {{low.word[0], high.word[0], low.word[1], high.word[1]}}, {{seen[0], seen[1]}});
        mma(sums.out[half][n], {{low.word[2], high.word[2], low.word[3], high.word[3]}}, {{seen[2], seen[3]}});
      }
    }
  }
};

// The scores become powers of two, from the largest so far; what is summed up so far shrinks by as much as that grows.
template <int dim, int rows, bool special>
DEVICE void weigh(const PageAt& at, float scale, FragmentC* scores, HeadSums<dim, rows>& sums) {
  const int inner = threadIndex() % 4;
  UNROLL(rows / 8)
  for (int half = 0; half < rows / 8; ++half) {
    float top = sums.top[half];
    UNROLL(8)
    for (int i = 0; i < 8; ++i) {
      float& score = scores[i / 2].value[half * 2 + i % 2];
      score = inner * 8 + i < at.left && (!special || at.seen.of(i, half)) ? score * scale : noScore;
      top = score > top ? score : top;
    }
    for (int mask = 1; mask < 4; mask *= 2) {
      const float other = shuffleXor(top, mask);
      top = other > top ? other : top;
    }
    const float base = special ? baseOf(top) : top;
    const float shrink = powerOfTwo(sums.top[half] - base);
    sums.top[half] = top;
    sums.total[half] *= shrink;
    UNROLL(8)
    for (int i = 0; i < 8; ++i) {
      float& score = scores[i / 2].value[half * 2 + i % 2];
      score = powerOfTwo(score - base);
      sums.total[half] += score;
    }
    const float even = shuffle(shrink, inner * 8), odd = shuffle(shrink, inner * 8 + 4);  // heads 2 · inner and after
    UNROLL(dim / 16)
    for (int n = 0; n < dim / 16; ++n) {
      UNROLL(4)
      for (int i = 0; i < 4; ++i) sums.out[half][n].value[i] *= i % 2 == 0 ? even : odd;
    }
  }
}

}  // namespace pathpress::cuda
