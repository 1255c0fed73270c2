#include "choose.h"

#include "order.h"

namespace pathpress::cuda {

constexpr int chooseThreads = 512, chooseWarps = chooseThreads / 32;
constexpr int digitBits = 8, digits = 1 << digitBits;

// Of all orders that begin like `prefix`, `wanted` stay, and all that begin with more.
struct Threshold {
  uint64_t prefix;
  int shift;  // of an order, to compare it with the prefix; 64: any is alike
  int wanted;
};

// How many low bits the orders of a set are told apart by. A digit that most of them share, as the first eight bits of
// ranks between 0 and 1, would be counted in one place, an order after the other.
DEVICE int differingBits(const Choice& choice, int64_t ranks, int candidates, uint64_t first,
                         const SharedArray<int>& warpBits) {
  int bits = 0;
  for (int begin = 0; begin < candidates; begin += chooseThreads) {
    const int i = begin + threadIndex();
    const uint64_t order = orderOf(choice.ranks.loadIf(i < candidates, ranks + i));
    while (i < candidates && bits < 64 && (order ^ first) >> bits != 0) ++bits;
  }
  for (int mask = 16; mask > 0; mask /= 2) {
    const int other = shuffleXor(bits, mask);
    bits = other > bits ? other : bits;
  }
  if (threadIndex() % 32 == 0) warpBits.set(threadIndex() / 32, bits);
  barrier();
  for (int w = 0; w < chooseWarps; ++w) bits = warpBits.get(w) > bits ? warpBits.get(w) : bits;
  return bits;
}

// The digit at which the counts of the larger ones reach what is wanted, from a histogram; `found` gets it, how many
// are still wanted of it, and how many there are.
DEVICE void findDigit(const SharedArray<int>& histogram, const SharedArray<int>& warpSums,
                      const SharedArray<int>& found, int wanted) {
  const int lane = threadIndex() % 32, warp = threadIndex() / 32, digit = digits - 1 - threadIndex();
  const int own = digit >= 0 ? histogram.get(digit) : 0;
  int upTo = own;  // the larger digits' counts and this one's
  for (int step = 1; step < 32; step *= 2) {
    const int before = shuffle(upTo, lane >= step ? lane - step : lane);
    if (lane >= step) upTo += before;
  }
  if (lane == 31) warpSums.set(warp, upTo);
  barrier();
  for (int w = 0; w < warp; ++w) upTo += warpSums.get(w);
  if (digit >= 0 && upTo >= wanted && upTo - own < wanted) {
    found.set(0, digit);
    found.set(1, wanted - (upTo - own));
    found.set(2, own);
  }
  barrier();
}

// A block a set of a due. Digit by digit from the first that differs until what is wanted is exactly what there is.
BOUNDED_KERNEL(chooseThreads, 1) chooseSet(Choice choice) {
  SHARED_ARRAY(int, histogram, digits);
  SHARED_ARRAY(int, warpSums, chooseWarps);
  SHARED_ARRAY(int, found, 3);
  SHARED_ARRAY(int, warpCounts, 2 * chooseWarps);
  const int number = blockIndex() % choice.cache.dues, row = blockIndex() / choice.cache.dues;  // of layers · sets
  Due due = choice.cache.due.load(number);
  due.scored = scoredOf(choice.shares, choice.cache, due, number, row);
  const int wanted = choice.wanted(due);
  if (wanted == 0) return;  // the whole block
  const int64_t ranks = int64_t{row} * choice.room + due.votesAt + due.pinned % cachePageEntries;
  const uint64_t first = orderOf(choice.ranks.load(ranks));
  const int bits = differingBits(choice, ranks, due.candidates, first, warpSums);
  Threshold threshold{bits == 64 ? 0 : first >> bits, bits, wanted};
  int left = due.candidates;
  while (threshold.shift == 64 || (threshold.shift > 0 && left != threshold.wanted)) {
    const int shift = threshold.shift > digitBits ? threshold.shift - digitBits : 0;
    const uint64_t mask = (uint64_t{1} << (threshold.shift - shift)) - 1;
    for (int i = threadIndex(); i < digits; i += chooseThreads) histogram.set(i, 0);
    barrier();
    for (int begin = 0; begin < due.candidates; begin += chooseThreads) {
      const int i = begin + threadIndex();
      const uint64_t order = orderOf(choice.ranks.loadIf(i < due.candidates, ranks + i));
      const bool like = threshold.shift == 64 || order >> threshold.shift == threshold.prefix;
      if (i < due.candidates && like) histogram.add(static_cast<int>(order >> shift & mask), 1);
    }
    barrier();
    findDigit(histogram, warpSums, found, threshold.wanted);
    const auto digit = static_cast<uint64_t>(found.get(0));
    threshold = {threshold.prefix << (threshold.shift - shift) | digit, shift, found.get(1)};
    left = found.get(2);
  }

  const int lane = threadIndex() % 32, warp = threadIndex() / 32;
  const int64_t kept = int64_t{row} * choice.keptRoom + due.keptAt;
  int better = 0, alike = 0;  // before this turn
  for (int begin = 0, turn = 0; begin < due.candidates; begin += chooseThreads, turn ^= chooseWarps) {
    const int i = begin + threadIndex();
    const uint64_t order = orderOf(choice.ranks.loadIf(i < due.candidates, ranks + i)) >> threshold.shift;
    const bool isBetter = i < due.candidates && order > threshold.prefix;
    const bool isAlike = i < due.candidates && order == threshold.prefix;
    const uint32_t betters = laneVotes(isBetter), alikes = laneVotes(isAlike), before = (1u << lane) - 1;
    if (lane == 0) warpCounts.set(turn + warp, bitCount(betters) | bitCount(alikes) << 16);
    barrier();
    int counts = 0, all = 0;  // of the warps before, and of all
    for (int w = 0; w < chooseWarps; ++w) {
      const int count = warpCounts.get(turn + w);
      counts += w < warp ? count : 0;
      all += count;
    }
    const int betterBefore = better + (counts & 0xFFFF) + bitCount(betters & before);
    const int alikeBefore = alike + (counts >> 16) + bitCount(alikes & before);
    const bool stays = isBetter || (isAlike && alikeBefore < threshold.wanted);
    const int place = betterBefore + (alikeBefore < threshold.wanted ? alikeBefore : threshold.wanted);
    choice.kept.storeIf(stays, kept + place, i);
    better += all & 0xFFFF;
    alike += all >> 16;
  }
}

void chooseBest(Stream stream, const Choice& choice) {
  launch(stream, {choice.cache.layers * choice.cache.sets * choice.cache.dues, chooseThreads}, chooseSet, choice);
}

}  // namespace pathpress::cuda
