// A policy's passes, compression after compression, against what the CPU's own code keeps.
#pragma once

#include "closeness.h"
#include "passes_world.h"

namespace pathpress::cuda {

constexpr Shape compressShape{1, 2, 4, 64};

struct CompressCase {
  std::string name;
  PolicyOptions options;
  std::vector<int> prompts{5, 40};
  int cycles = 3;
  int layers = 1;
};

inline CompressCase with(const char* name, const std::function<void(PolicyOptions&)>& change = {}) {
  PolicyOptions options;
  options.name = name;
  options.interval = 60;
  options.window = 9;
  options.ratio = 2;
  if (change) change(options);
  return {name, options};
}

inline void cap(PolicyOptions& o) {
  o.budget = "cap";
  o.keep = 65;
}
inline void unpinned(PolicyOptions& o) {
  cap(o);
  o.pinPrompt = false;
}
inline auto set(auto member, auto value) {
  return [=](PolicyOptions& o) { o.*member = value; };
}

using Sets = std::vector<std::vector<int32_t>>;  // positions, one list a set

// What the CPU keeps of a sequence, layer by layer.
inline std::vector<Sets> keptBy(const Policy& policy, const WorldSequence& sequence, int slot) {
  std::vector<Sets> all;
  for (size_t layer = 0; layer < sequence.layers.size(); ++layer) {
    all.push_back(sequence.layers[layer].compressed(policy, drawKeyOf(slot, static_cast<int>(layer), 0)));
  }
  return all;
}

// Whether two choices of a set differ in nothing but candidates whose ranks the CPU itself puts next to each other:
// sums in another order, and in bfloat16 the rounding that they fall to, may decide such a tie.
inline bool sameButForTies(const World& world, const Policy& policy, int set, const Sets& want, std::vector<int32_t> got) {
  const Recipe recipe = policy.recipe();
  const std::vector<int32_t>& kept = want[static_cast<size_t>(set)];
  std::vector<int32_t> others;
  std::ranges::set_symmetric_difference(kept, got, std::back_inserter(others));
  if (others.empty()) return true;
  const Keep keep = policy.keep(world.progress);
  if (recipe.scoring != Scoring::votes || got.size() != kept.size()) return false;
  const World::Gathered from(world, recipe, keep, static_cast<size_t>(set));
  SelectScratch scratch;
  scoreCandidates(recipe, from.set(world, recipe, keep, {}), scratch);
  std::vector<double> ranks;
  for (const int32_t position : others) {
    const auto place = std::ranges::lower_bound(from.candidates, position);
    if (place == from.candidates.end() || *place != position) return false;
    ranks.push_back(scratch.ranks[static_cast<size_t>(place - from.candidates.begin())]);
  }
  const auto [least, most] = std::ranges::minmax(ranks);
  return most - least <= std::abs(most) * (recipe.modelArithmetic ? 0x1p-7 : 1e-5);
}

// Pages that the host knows to be free are those that no entry is in any more, and the pool has them all again.
inline void pagesReturn(const DeviceCaches& caches, const std::vector<WorldSequence>& sequences, const Policy& policy) {
  if (policy.recipe().sets == Aggregation::head) return;  // the device tells what is free then
  int held = 0, after = 0, returned = 0;
  for (const WorldSequence& one : sequences) held += pagesOf(one.length());
  CHECK(held == caches.cache.pool - 1);
  for (size_t s = 0; s < sequences.size(); ++s) {
    const bool due = policy.due(sequences[s].progress());
    const auto kept = due ? sequences[s].layers[0].compressed(policy)[0] : sequences[s].layers[0].held[0];
    after += (static_cast<int>(kept.size()) + 31) / 32;
  }
  for (const Due& due : caches.plan.due) returned += pagesReturned(due);
  CHECK(policy.recipe().sharedOut || held - returned == after);
}

// Of query heads with sets of their own, how many key-value heads do not hold what is in any of their sets, once, with
// masks that say whose each is, and show to all what comes after.
inline int wrongUnions(TestDevice& device, const CacheCompression& cache, const Uniting& done, int number, int slot,
                       const std::vector<int>& members, int staying) {
  const std::vector<int> counts = device.values(done.counts);
  const std::vector<uint16_t> masks = device.values(cache.own.masks);
  int wrong = 0;
  for (int i = 0; i < cache.layers * cache.kvHeads; ++i) {
    const int layer = i / cache.kvHeads, head = i % cache.kvHeads;
    std::vector<uint16_t> want(static_cast<size_t>(cache.capacity), 0);
    for (int q = 0; q < cache.group; ++q) {
      const auto first = members.begin() + cache.noteAt(layer, slot, head * cache.group + q);
      for (auto member = first; member < first + staying; ++member) want.at(static_cast<size_t>(*member)) |= 1u << q;
    }
    const auto count = counts[static_cast<size_t>(i * cache.dues + number)];
    const bool whole = std::none_of(want.begin(), want.begin() + count, [](uint16_t mask) { return mask == 0; });
    const bool once = std::all_of(want.begin() + count, want.end(), [](uint16_t mask) { return mask == 0; });
    std::fill(want.begin() + count, want.end(), 0xFFFF);
    const auto at = masks.begin() + ((layer * cache.slots + slot) * cache.kvHeads + head) * cache.capacity;
    wrong += !whole || !once || !std::equal(want.begin(), want.end(), at);
  }
  return wrong;
}

// How many of the sets that a device holds are not those wanted, in positions, keys or values.
inline int wrong(TestDevice& device, const DeviceCaches& caches, const Uniting& done, const WorldSequence& sequence,
                 int number, const Policy& policy, const std::vector<Sets>& want) {
  const CacheCompression& cache = caches.cache;
  const Due& due = caches.plan.due[static_cast<size_t>(number)];
  const std::vector<int> positions = device.values(cache.positions);
  const std::vector<Bf16> pages = device.values(cache.pages);
  const bool shared = policy.recipe().sharedOut;  // heads keep sets of their own size
  const bool own = policy.recipe().sets == Aggregation::head;
  const std::vector<int> members = own ? device.values(cache.own.members) : std::vector<int>();
  int count = own ? wrongUnions(device, cache, done, number, due.slot, members, due.staying()) : 0;
  count += !shared && device.values(cache.lengths)[static_cast<size_t>(due.slot)] != due.staying();
  for (int layer = 0; layer < cache.layers; ++layer) {
    const World& world = sequence.layers[static_cast<size_t>(layer)];
    for (int i = 0; i < std::max(cache.kvHeads, cache.sets); ++i) {
      const int head = own ? i / cache.group : i, set = own ? i : cache.setOf(head);
      const int64_t notes = cache.noteAt(layer, due.slot, set);
      const auto first = positions.begin() + notes;
      const std::vector<int32_t>& kept = want[static_cast<size_t>(layer)][static_cast<size_t>(set)];
      const int staying = shared ? static_cast<int>(kept.size()) : due.staying();
      const std::vector<int32_t> listed(first, first + staying);
      bool same = std::ranges::is_sorted(listed) && listed.front() >= 0;
      same = same && sameButForTies(world, policy, set, want[static_cast<size_t>(layer)], listed);
      for (int e = 0; e < staying && same; ++e) {
        const int32_t position = listed[static_cast<size_t>(e)];
        const int entry = own ? members[static_cast<size_t>(notes + e)] : e;
        for (int d = 0; d < cache.dim; ++d) {
          const auto held = [&](int tensor) {
            return bf16ToFloat(caches.element(pages, layer, due.slot, head, entry, tensor, d)->bits);
          };
          same &= held(0) == world.key(head, position)[d] && held(1) == world.value(head, position)[d];
        }
      }
      count += !same;
    }
  }
  return count;
}

inline void compressAsTheCpu(const CompressCase& c) {
  Shape deep = compressShape;
  deep.layers = c.layers;
  const auto policy = makePolicy(c.options);
  const Recipe recipe = policy->recipe();
  std::vector<WorldSequence> sequences;
  for (size_t s = 0; s < c.prompts.size(); ++s) {
    sequences.emplace_back(deep, c.prompts[s], c.prompts[s] + 3 * 60 + 70, 40 + s);
    sequences.back().prefill(*policy);
  }
  for (int cycle = 0; cycle < c.cycles; ++cycle) {
    // The last sequence has a trigger of its own: it is not due the second time.
    for (size_t s = 0; s < sequences.size(); ++s) {
      if (cycle != 1 || s + 1 < sequences.size()) sequences[s].untilDue(*policy);
    }
    const auto leaves = [&](const WorldSequence& one) {
      const Keep keep = policy->keep(one.progress());
      return policy->due(one.progress()) && keep.pinned + keep.scored + keep.recent < one.length();
    };
    const auto dues = static_cast<size_t>(std::ranges::count_if(sequences, leaves));
    const auto run = [&](TestDevice& device) {
      const DeviceCaches caches(device, deep, *policy, sequences);
      CHECK_CASE(caches.plan.due.size() == dues, c.name);
      pagesReturn(caches, sequences, *policy);
      const Passes passes = passesOn(device, caches, recipe, sequences);
      CHECK_CASE(compress(device.stream(), passes), c.name);
      for (int number = 0; number < caches.cache.dues; ++number) {
        const int slot = caches.plan.due[static_cast<size_t>(number)].slot;
        const WorldSequence& sequence = sequences[static_cast<size_t>(slot) - 1];
        const auto want = keptBy(*policy, sequence, slot);
        const int count = wrong(device, caches, passes.uniting, sequence, number, *policy, want);
        noneWrong(count, "compress " + c.name + ", cycle " + std::to_string(cycle));
      }
    };
    if (cycle == 0) everyOrder(c.name, run);
    TestDevice device(shuffled(9));
    run(device);
    CHECK_CASE(device.faults().none(), c.name + ":\n" + device.faults().text());
    for (size_t s = 0; s < sequences.size(); ++s) {
      if (!policy->due(sequences[s].progress())) continue;
      const auto after = keptBy(*policy, sequences[s], static_cast<int>(s) + 1);
      for (size_t layer = 0; layer < after.size(); ++layer) sequences[s].layers[layer].settle(after[layer]);
    }
  }
}

}  // namespace pathpress::cuda
