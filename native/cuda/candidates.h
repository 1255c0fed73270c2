// What a token is drawn from, as the threads of a row's block have it: candidates, their weights' sums, and what the
// filters leave of them.
#pragma once

#include "order.h"

namespace pathpress::cuda {

constexpr int drawThreads = 512, drawWarps = drawThreads / 32;
constexpr int mostListed = 2048;

DEVICE uint64_t shuffleWide(uint64_t value, int lane) {
  const uint32_t low = shuffle(static_cast<uint32_t>(value), lane);
  return static_cast<uint64_t>(shuffle(static_cast<uint32_t>(value >> 32), lane)) << 32 | low;
}

template <class Join>
DEVICE uint64_t joinWarp(uint64_t value, Join join) {
  for (int mask = 16; mask > 0; mask /= 2) value = join(value, shuffleWide(value, threadIndex() % 32 ^ mask));
  return value;
}

// Where the warps of the block meet. Two sets of parts take turns, so that one barrier a meeting is enough: who writes a
// set again has met all others since they read it.
struct Meeting {
  SharedArray<uint64_t> parts;  // (2, drawWarps)
  int turn = 0;

  // Every warp's part, lane for lane, of what each warp brings.
  DEVICE uint64_t exchange(uint64_t warpPart) {
    const int set = turn++ % 2 * drawWarps, lane = threadIndex() % 32;
    if (lane == 0) parts.set(set + threadIndex() / 32, warpPart);
    barrier();
    return lane < drawWarps ? parts.get(set + lane) : 0;
  }
  template <class Join>
  DEVICE uint64_t joinBlock(uint64_t value, Join join) {
    return joinWarp(exchange(joinWarp(value, join)), join);
  }
};

struct Add {
  DEVICE uint64_t operator()(uint64_t a, uint64_t b) const { return a + b; }
};
struct AddDoubles {
  DEVICE uint64_t operator()(uint64_t a, uint64_t b) const { return asLongWord(asDouble(a) + asDouble(b)); }
};
struct Larger {
  DEVICE uint64_t operator()(uint64_t a, uint64_t b) const { return a > b ? a : b; }
};

struct Candidate {
  uint32_t key;     // 0: none
  uint64_t weight;  // exp((logit - top) / temperature) in steps of 2^-bits
};

// Tokens, ascending: a list of those that the filters can leave, where there is room for it, else all of the vocabulary.
struct Candidates {
  Global<const float> logits;
  float top;
  double temperature;
  int bits;
  bool listed;
  int count;
  SharedArray<uint32_t> keys;
  SharedArray<uint64_t> weights;
  Meeting& meeting;

  // In temperatures, above the largest: 0 or less.
  DEVICE double distance(float logit) const { return static_cast<double>(logit - top) / temperature; }
  // A logit that lies below it needs no division to be known farther than `reach`.
  DEVICE double surelyBeyond(double reach) const { return -reach * temperature * 1.000001; }
  DEVICE bool isBelow(float logit, double below) const { return static_cast<double>(logit - top) < below; }
  DEVICE uint64_t weightAt(double distance) const {
    return static_cast<uint64_t>(exponential(distance) * static_cast<double>(uint64_t{1} << bits) + 0.5);
  }
  DEVICE Candidate weigh(float logit) const { return {orderOf(logit), weightAt(distance(logit))}; }
  DEVICE Candidate at(bool inside, int64_t i) const {
    if (!listed) {
      const float logit = logits.loadIf(inside, i);
      return inside ? weigh(logit) : Candidate{};
    }
    return inside ? Candidate{keys.get(static_cast<int>(i)), weights.get(static_cast<int>(i))} : Candidate{};
  }

  // Of all candidates; `of` takes a candidate and its number.
  template <class Of>
  DEVICE uint64_t sum(Of of) const {
    uint64_t mine = 0;
    for (int turn = 0; turn < (count + drawThreads - 1) / drawThreads; ++turn) {
      const int i = turn * drawThreads + threadIndex();
      const Candidate candidate = at(i < count, i);
      if (i < count) mine += of(candidate, i);
    }
    return meeting.joinBlock(mine, Add());
  }

  // The number of the candidate in whose share of the sum `target` lies; it must be less than the sum.
  template <class Of>
  DEVICE int find(uint64_t target, Of of) const {
    const int warp = threadIndex() / 32, lane = threadIndex() % 32;
    int begin = 0, end = count;
    while (end - begin > 1) {
      const int share = (end - begin + drawWarps - 1) / drawWarps, first = begin + warp * share;
      uint64_t mine = 0;
      for (int turn = 0; turn < (share + 31) / 32; ++turn) {
        const int within = turn * 32 + lane, i = first + within;
        const bool inside = within < share && i < end;
        const Candidate candidate = at(inside, i);
        if (inside) mine += of(candidate, i);
      }
      uint64_t before = meeting.exchange(joinWarp(mine, Add()));
      for (int step = 1; step < 32; step *= 2) {  // each lane: what its warp's stretch and those before it add up to
        const uint64_t other = shuffleWide(before, lane - step);
        before += lane >= step ? other : 0;
      }
      const int part = bitCount(laneVotes(lane < drawWarps - 1 && before <= target));
      target -= part > 0 ? shuffleWide(before, part - 1) : 0;
      begin += part * share;
      end = begin + share < end ? begin + share : end;
    }
    return begin;
  }

  // The largest key from which on the sum is at least `target`.
  template <class Of>
  DEVICE uint32_t threshold(uint64_t target, Of of) const {
    uint32_t found = 0;
    for (uint32_t bit = 1u << 31; bit > 0; bit >>= 1) {
      const uint32_t tried = found | bit;
      const uint64_t reached = sum([=](const Candidate& c, int i) { return c.key >= tried ? of(c, i) : uint64_t{0}; });
      if (reached >= target) found = tried;
    }
    return found;
  }
};

// What the filters have left: larger keys, and of this one candidates up to a number.
struct Bound {
  uint32_t key = 0;
  int last = -1;

  DEVICE bool admits(uint32_t candidate, int i) const { return candidate > key || (candidate == key && i <= last); }
};

DEVICE Bound narrow(const Candidates& all, uint32_t key, uint64_t ties) {
  return {key, all.find(ties - 1, [=](const Candidate& c, int) { return uint64_t{c.key == key}; })};
}

DEVICE Bound applyTopK(const Candidates& all, int topK) {
  if (topK <= 0 || topK >= all.count) return {};
  const auto one = [](const Candidate&, int) { return uint64_t{1}; };
  const uint32_t key = all.threshold(static_cast<uint64_t>(topK), one);
  const uint64_t above = all.sum([=](const Candidate& c, int) { return uint64_t{c.key > key}; });
  return narrow(all, key, static_cast<uint64_t>(topK) - above);
}

// The least that is as large as `fraction` of the sum, and not none.
DEVICE uint64_t targetOf(double fraction, uint64_t sum) {
  const double wanted = fraction * static_cast<double>(sum);
  const auto target = static_cast<uint64_t>(wanted);
  return target + (static_cast<double>(target) < wanted || target == 0);
}

// `total`: of the weights that `bound` admits, or 0 where that is not known.
DEVICE Bound applyTopP(const Candidates& all, double topP, Bound bound, uint64_t total) {
  if (!(topP < 1)) return bound;
  const auto weight = [=](const Candidate& c, int i) { return bound.admits(c.key, i) ? c.weight : uint64_t{0}; };
  const uint64_t target = targetOf(topP, total > 0 ? total : all.sum(weight));
  const uint32_t key = all.threshold(target, weight);
  const uint64_t above = all.sum([=](const Candidate& c, int i) { return c.key > key ? weight(c, i) : uint64_t{0}; });
  return {key, all.find(target - above - 1,
                        [=](const Candidate& c, int i) { return c.key == key ? weight(c, i) : uint64_t{0}; })};
}

}  // namespace pathpress::cuda
