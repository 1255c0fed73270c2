#include "sample.h"

#include <cmath>

#include "../engine/random.h"
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

// The tokens that have a weight, ascending: a list where there is room for it, else all of the vocabulary.
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

  DEVICE Candidate weigh(float logit) const {
    const double weight = exponential(static_cast<double>(logit - top) / temperature);
    return {orderOf(logit), static_cast<uint64_t>(weight * static_cast<double>(uint64_t{1} << bits) + 0.5)};
  }
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

DEVICE Bound applyTopP(const Candidates& all, double topP, Bound bound) {
  if (!(topP < 1)) return bound;
  const auto weight = [=](const Candidate& c, int i) { return bound.admits(c.key, i) ? c.weight : uint64_t{0}; };
  const double wanted = topP * static_cast<double>(all.sum(weight));
  uint64_t target = static_cast<uint64_t>(wanted);
  target += static_cast<double>(target) < wanted || target == 0;
  const uint32_t key = all.threshold(target, weight);
  const uint64_t above = all.sum([=](const Candidate& c, int i) { return c.key > key ? weight(c, i) : uint64_t{0}; });
  return {key, all.find(target - above - 1,
                        [=](const Candidate& c, int i) { return c.key == key ? weight(c, i) : uint64_t{0}; })};
}

DEVICE int drawOne(const Candidates& all, const DrawOptions& options, int draws) {
  const Bound bound = applyTopP(all, options.topP, applyTopK(all, options.topK));
  const double least = options.minP * static_cast<double>(uint64_t{1} << all.bits);
  const auto weight = [=](const Candidate& c, int i) {
    return bound.admits(c.key, i) && static_cast<double>(c.weight) >= least ? c.weight : uint64_t{0};
  };
  const uint64_t total = all.sum(weight);
  const double random = uniform(options.seed, options.stream, static_cast<uint64_t>(draws));
  const uint64_t target = static_cast<uint64_t>(random * static_cast<double>(total));
  return all.find(target < total ? target : total - 1, weight);
}

// The largest logit's key, and the complement of its id, so that of equal ones the lowest id is largest. All ones where
// a logit is no number.
DEVICE uint64_t bestOf(const Draw& task, const Global<const float>& logits, Meeting& meeting) {
  uint64_t best = 0;
  UNROLL(8)
  for (int turn = 0; turn < (task.vocab + 4 * drawThreads - 1) / (4 * drawThreads); ++turn) {
    const int first = (turn * drawThreads + threadIndex()) * 4;
    const Words words = logits.load16If(first < task.vocab, first);
    UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      const bool number = (words.word[i] & 0x7F800000u) != 0x7F800000u;
      const uint64_t key = orderOf(asFloat(words.word[i]));
      const uint64_t mine = number ? key << 32 | ~static_cast<uint32_t>(first + i) : ~uint64_t{0};
      if (first + i < task.vocab) best = Larger()(best, mine);
    }
  }
  return meeting.joinBlock(best, Larger());
}

// As entropyBits() of engine/sampler.h, but for the order of its sums.
DEVICE float entropyOf(const Draw& task, const Global<const float>& logits, float top, Meeting& meeting) {
  double total = 0, weighed = 0;
  for (int turn = 0; turn < (task.vocab + 4 * drawThreads - 1) / (4 * drawThreads); ++turn) {
    const int first = (turn * drawThreads + threadIndex()) * 4;
    const Words words = logits.load16If(first < task.vocab, first);
    for (int i = 0; i < 4; ++i) {
      if (first + i >= task.vocab) continue;
      const double below = static_cast<double>(asFloat(words.word[i])) - static_cast<double>(top);
      const double weight = exponential(below);
      total += weight;
      weighed += weight * below;
    }
  }
  total = asDouble(meeting.joinBlock(asLongWord(total), AddDoubles()));
  weighed = asDouble(meeting.joinBlock(asLongWord(weighed), AddDoubles()));
  return static_cast<float>((std::log(total) - weighed / total) / 0.693147180559945309);
}

// Each warp takes a stretch of ids, counts in it first, and then knows where its own begin.
DEVICE void listCandidates(const Draw& task, Candidates& all, const SharedArray<int>& ids) {
  const int warp = threadIndex() / 32, lane = threadIndex() % 32;
  const int share = (task.vocab + drawWarps * 128 - 1) / (drawWarps * 128) * 128;
  const double least = -0.693147180559945 * (all.bits + 1) * all.temperature;  // below it a weight rounds to none
  int place = 0;
  for (int pass = 0; pass < 2; ++pass) {
    UNROLL(4)
    for (int turn = 0; turn < share / 128; ++turn) {
      const int first = warp * share + turn * 128 + lane * 4;
      const Words words = all.logits.load16If(first < task.vocab, first);
      int before = 0, found = 0;
      bool mine[4];
      for (int i = 0; i < 4; ++i) {
        mine[i] = first + i < task.vocab && static_cast<double>(asFloat(words.word[i]) - all.top) >= least;
        const uint32_t votes = laneVotes(mine[i]);
        before += bitCount(votes & ((1u << lane) - 1));
        found += bitCount(votes);
      }
      for (int i = 0; i < 4; ++i) {
        if (pass == 0 || !mine[i]) continue;
        const Candidate candidate = all.weigh(asFloat(words.word[i]));
        ids.set(place + before, first + i);
        all.keys.set(place + before, candidate.key);
        all.weights.set(place + before, candidate.weight);
        ++before;
      }
      place += found;
    }
    if (pass == 1) break;
    const int theirs = static_cast<int>(all.meeting.exchange(static_cast<uint64_t>(place)));
    const int total = static_cast<int>(joinWarp(static_cast<uint64_t>(theirs), Add()));
    place = static_cast<int>(joinWarp(static_cast<uint64_t>(lane < warp ? theirs : 0), Add()));
    all.listed = total <= mostListed;
    all.count = all.listed ? total : task.vocab;
    if (!all.listed) return;  // the whole block
  }
  barrier();
}

// A block a row.
BOUNDED_KERNEL(drawThreads, 1) drawRow(Draw task) {
  SHARED_ARRAY(uint64_t, parts, 2 * drawWarps);
  SHARED_ARRAY(uint64_t, weights, mostListed);
  SHARED_ARRAY(uint32_t, keys, mostListed);
  SHARED_ARRAY(int, ids, mostListed);
  const int row = blockIndex(), slot = task.rows.slots.load(row), wanted = task.wanted.load(row);
  const bool draws = slot >= 0 && wanted != 0;  // which one row of a sequence does at most
  const DrawOptions options = task.options.loadIf(draws, slot);
  const int number = task.sequences.draws.loadIf(draws, slot);
  awaitEarlier();
  if (slot < 0) return;  // the whole block
  const bool leads = threadIndex() == 0, moves = leads && task.rows.isLast(row, slot);
  task.sequences.positions.storeIf(moves, slot, moves ? task.rows.positions.load(row) + 1 : 0);
  task.sequences.entries.storeIf(moves, slot, moves ? task.rows.lengths.load(row) : 0);
  if (!draws) return;

  const Global<const float> logits = task.logits + static_cast<int64_t>(row) * task.stride;
  Meeting meeting{parts};
  const uint64_t best = bestOf(task, logits, meeting);
  int id = best == ~uint64_t{0} ? -1 : static_cast<int>(~static_cast<uint32_t>(best));
  const float top = ofOrder(static_cast<uint32_t>(best >> 32));
  if (id >= 0 && options.entropies != 0) {
    const float entropy = entropyOf(task, logits, top, meeting);
    task.sequences.entropies.storeIf(leads, slot, entropy);
  }
  if (id >= 0 && options.temperature != 0) {
    const int bits = 63 - (32 - leadingZeros(static_cast<uint32_t>(task.vocab - 1)));
    Candidates all{logits, top, options.temperature, bits, false, 0, keys, weights, meeting};
    listCandidates(task, all, ids);
    const int found = drawOne(all, options, number);
    id = all.listed ? ids.get(found) : found;
  }
  task.sequences.drawn.storeIf(leads, slot, id);
  task.sequences.draws.storeIf(leads, slot, number + 1);
}

void drawTokens(Stream stream, const Draw& task) { launchEarly(stream, {task.rows.count, drawThreads}, drawRow, task); }

}  // namespace pathpress::cuda
