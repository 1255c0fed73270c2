#include "sample.h"

#include <cmath>

#include "../engine/random.h"
#include "candidates.h"

namespace pathpress::cuda {

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

constexpr int reaches = 6;

// How far below the largest logit, in temperatures; the last reaches as far as there are weights.
DEVICE double reachAt(int i, int bits) {
  const double all = 0.693147180559945 * (bits + 1);
  const double near = i == 0 ? 1.5 : i == 1 ? 3 : i == 2 ? 6 : i == 3 ? 10 : 16;
  return i < reaches - 1 && near < all ? near : all;
}

// Candidates within each reach, and their weights' sum: of a lane's, a warp's or all.
struct Reached {
  int counts[reaches] = {};
  uint64_t sums[reaches] = {};
};

// Each warp takes a stretch of ids, 4 a lane at a time.
struct Stretch {
  int first, turns, end;

  DEVICE explicit Stretch(int vocab) {
    turns = (vocab + drawWarps * 128 - 1) / (drawWarps * 128);
    first = threadIndex() / 32 * turns * 128 + threadIndex() % 32 * 4;
    end = vocab;
  }
};

// Of the warp's stretch.
DEVICE Reached measure(const Draw& task, const Candidates& all) {
  const Stretch own(task.vocab);
  Reached mine;
  const double beyond = all.surelyBeyond(reachAt(reaches - 1, all.bits));
  UNROLL(4)
  for (int turn = 0; turn < own.turns; ++turn) {
    const int first = own.first + turn * 128;
    const Words words = all.logits.load16If(first < own.end, first);
    UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      if (first + i >= own.end || all.isBelow(asFloat(words.word[i]), beyond)) continue;
      const double distance = all.distance(asFloat(words.word[i]));
      const uint64_t weight = all.weightAt(distance);
      UNROLL(reaches)
      for (int r = 0; r < reaches; ++r) {
        const bool within = distance >= -reachAt(r, all.bits);
        mine.counts[r] += within;
        mine.sums[r] += within ? weight : 0;
      }
    }
  }
  UNROLL(reaches)
  for (int r = 0; r < reaches; ++r) {
    mine.counts[r] = static_cast<int>(joinWarp(static_cast<uint64_t>(mine.counts[r]), Add()));
    mine.sums[r] = joinWarp(mine.sums[r], Add());
  }
  return mine;
}

// The nearest reach that has all tokens which the filters can leave; `reaches` where nothing is filtered.
DEVICE int reachFor(const DrawOptions& options, const Reached& whole, int bits) {
  const int last = reaches - 1;
  const bool some = options.topK > 0 && options.topK < whole.counts[last];
  if (!some && !(options.topP < 1) && !(options.minP > 0)) return reaches;
  int found = last;
  UNROLL(reaches)
  for (int r = last; r >= 0; --r) {
    const bool enough = some                ? whole.counts[r] >= options.topK
                        : options.topP < 1 ? whole.sums[r] >= targetOf(options.topP, whole.sums[last])
                                           : exponential(-reachAt(r, bits)) * 1.000001 < options.minP;
    if (enough) found = r;
  }
  return found;
}

// Those within a reach, of which the warp has as many as `mine` says, by ascending id. None where they are too many.
DEVICE void listCandidates(const Draw& task, Candidates& all, const SharedArray<int>& ids, int reach, int mine) {
  const int warp = threadIndex() / 32, lane = threadIndex() % 32;
  const int theirs = static_cast<int>(all.meeting.exchange(static_cast<uint64_t>(mine)));
  const int total = static_cast<int>(joinWarp(static_cast<uint64_t>(theirs), Add()));
  all.listed = total <= mostListed;
  if (!all.listed) return;  // the whole block
  all.count = total;
  const Stretch own(task.vocab);
  const double within = reachAt(reach, all.bits), beyond = all.surelyBeyond(within);
  int place = static_cast<int>(joinWarp(static_cast<uint64_t>(lane < warp ? theirs : 0), Add()));
  UNROLL(4)
  for (int turn = 0; turn < own.turns; ++turn) {
    const int first = own.first + turn * 128;
    const Words words = all.logits.load16If(first < own.end, first);
    int before = 0, found = 0;
    bool listed[4];
    UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      const float logit = asFloat(words.word[i]);
      listed[i] = first + i < own.end && !all.isBelow(logit, beyond) && all.distance(logit) >= -within;
      const uint32_t votes = laneVotes(listed[i]);
      before += bitCount(votes & ((1u << lane) - 1));
      found += bitCount(votes);
    }
    UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      if (!listed[i]) continue;
      const Candidate candidate = all.weigh(asFloat(words.word[i]));
      ids.set(place + before, first + i);
      all.keys.set(place + before, candidate.key);
      all.weights.set(place + before, candidate.weight);
      ++before;
    }
    place += found;
  }
  barrier();
}

// All candidates are measured first, so that only those that the filters can leave need be compared with one another:
// of a large vocabulary many tokens have a weight, and few one that counts.
DEVICE int drawOne(const Draw& task, Candidates& all, const SharedArray<int>& ids, const DrawOptions& options,
                   int draws) {
  const Reached mine = measure(task, all);
  Reached whole;
  UNROLL(reaches)
  for (int r = 0; r < reaches; ++r) {
    whole.counts[r] = static_cast<int>(joinWarp(all.meeting.exchange(static_cast<uint64_t>(mine.counts[r])), Add()));
    whole.sums[r] = joinWarp(all.meeting.exchange(mine.sums[r]), Add());
  }
  const int reach = reachFor(options, whole, all.bits);
  if (reach < reaches) {
    int own = 0;
    UNROLL(reaches)
    for (int r = 0; r < reaches; ++r) own = r == reach ? mine.counts[r] : own;
    listCandidates(task, all, ids, reach, own);
  }
  const bool some = options.topK > 0 && options.topK < whole.counts[reaches - 1];
  const Bound few = some ? applyTopK(all, options.topK) : Bound{};
  const Bound bound = applyTopP(all, options.topP, few, some ? 0 : whole.sums[reaches - 1]);
  const double least = options.minP * static_cast<double>(uint64_t{1} << all.bits);
  const auto weight = [=](const Candidate& c, int i) {
    return bound.admits(c.key, i) && static_cast<double>(c.weight) >= least ? c.weight : uint64_t{0};
  };
  const uint64_t total = all.sum(weight);
  const double random = uniform(options.seed, options.stream, static_cast<uint64_t>(draws));
  const uint64_t target = static_cast<uint64_t>(random * static_cast<double>(total));
  const int found = all.find(target < total ? target : total - 1, weight);
  return all.listed ? ids.get(found) : found;
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
    Candidates all{logits, top, options.temperature, bits, false, task.vocab, keys, weights, meeting};
    id = drawOne(task, all, ids, options, number);
  }
  task.sequences.drawn.storeIf(leads, slot, id);
  task.sequences.draws.storeIf(leads, slot, number + 1);
}

void drawTokens(Stream stream, const Draw& task) { launchEarly(stream, {task.rows.count, drawThreads}, drawRow, task); }

}  // namespace pathpress::cuda
