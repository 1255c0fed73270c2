// All passes of every policy, compression after compression, against what the CPU's own code keeps.
#include <set>

#include "closeness.h"
#include "passes_world.h"

namespace pathpress::cuda {
namespace {

constexpr Shape shape{1, 2, 4, 64};

struct Case {
  std::string name;
  PolicyOptions options;
  std::vector<int> prompts{5, 40};
  int cycles = 3;
  int layers = 1;
};

Case with(const char* name, const std::function<void(PolicyOptions&)>& change = {}) {
  PolicyOptions options;
  options.name = name;
  options.interval = 60;
  options.window = 9;
  options.ratio = 2;
  if (change) change(options);
  return {name, options};
}

void cap(PolicyOptions& o) {
  o.budget = "cap";
  o.keep = 65;
}
void unpinned(PolicyOptions& o) {
  cap(o);
  o.pinPrompt = false;
}
auto set(auto member, auto value) {
  return [=](PolicyOptions& o) { o.*member = value; };
}

using Sets = std::vector<std::vector<int32_t>>;  // positions, one list a set

// What the CPU keeps of a sequence, layer by layer.
std::vector<Sets> keptBy(const Policy& policy, const WorldSequence& sequence, int slot) {
  std::vector<Sets> all;
  for (size_t layer = 0; layer < sequence.layers.size(); ++layer) {
    all.push_back(sequence.layers[layer].compressed(policy, drawKeyOf(slot, static_cast<int>(layer), 0)));
  }
  return all;
}

// Whether two choices of a set differ in nothing but candidates whose ranks the CPU itself puts next to each other:
// sums in another order, and in bfloat16 the rounding that they fall to, may decide such a tie.
bool sameButForTies(const World& world, const Policy& policy, int set, const Sets& want, std::vector<int32_t> got) {
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
void pagesReturn(const DeviceCaches& caches, const std::vector<WorldSequence>& sequences, const Policy& policy) {
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

// How many of the sets that a device holds are not those wanted, in positions, keys or values.
int wrong(TestDevice& device, const DeviceCaches& caches, const WorldSequence& sequence, const Due& due,
          const Policy& policy, const std::vector<Sets>& want) {
  const CacheCompression& cache = caches.cache;
  const std::vector<int> positions = device.values(cache.positions);
  const std::vector<Bf16> pages = device.values(cache.pages);
  const bool shared = policy.recipe().sharedOut;  // heads keep sets of their own size
  int count = !shared && device.values(cache.lengths)[static_cast<size_t>(due.slot)] != due.staying();
  for (int layer = 0; layer < cache.layers; ++layer) {
    const World& world = sequence.layers[static_cast<size_t>(layer)];
    for (int head = 0; head < cache.kvHeads; ++head) {
      const int set = cache.setOf(head);
      const auto first = positions.begin() + cache.noteAt(layer, due.slot, set);
      const std::vector<int32_t>& kept = want[static_cast<size_t>(layer)][static_cast<size_t>(set)];
      const int staying = shared ? static_cast<int>(kept.size()) : due.staying();
      const std::vector<int32_t> listed(first, first + staying);
      bool same = std::ranges::is_sorted(listed) && listed.front() >= 0;
      same = same && sameButForTies(world, policy, set, want[static_cast<size_t>(layer)], listed);
      for (int e = 0; e < staying && same; ++e) {
        const int32_t position = listed[static_cast<size_t>(e)];
        for (int i = 0; i < cache.dim; ++i) {
          const auto held = [&](int tensor) {
            return bf16ToFloat(caches.element(pages, layer, due.slot, head, e, tensor, i)->bits);
          };
          same &= held(0) == world.key(head, position)[i] && held(1) == world.value(head, position)[i];
        }
      }
      count += !same;
    }
  }
  return count;
}

std::set<std::string> tried;  // policies

void check(const Case& c) {
  tried.insert(c.name);
  Shape deep = shape;
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
      CHECK_CASE(compress(device.stream(), passesOn(device, caches, recipe, sequences)), c.name);
      for (const Due& due : caches.plan.due) {
        const WorldSequence& sequence = sequences[static_cast<size_t>(due.slot) - 1];
        const int count = wrong(device, caches, sequence, due, *policy, keptBy(*policy, sequence, due.slot));
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

void values() {
  // Draws depend on the layer.
  for (const char* name : {"rpc", "random", "rpc-shuffled", "vase"}) {
    Case deep = with(name);
    deep.layers = 3;
    check(deep);
  }
  check(with("rpc", set(&PolicyOptions::aggregation, "group")));
  check(with("rpc", set(&PolicyOptions::selectors, "all")));
  check(with("rpc", set(&PolicyOptions::selectors, "prompt")));
  check(with("rpc", set(&PolicyOptions::pooling, "max")));
  check(with("rpc", set(&PolicyOptions::pooling, "none")));
  check(with("rpc", set(&PolicyOptions::neighbours, "position")));
  check(with("rpc-inverted"));
  check(with("recency"));
  check(with("random", [](PolicyOptions& o) {
    cap(o);
    o.draw = "redraw";
    o.granularity = "head";
  }));
  check(with("streaming", unpinned));
  check(with("h2o", unpinned));
  check(with("raas", cap));
  check(with("lazy-eviction", set(&PolicyOptions::threshold, 0.02)));
  check(with("tova", unpinned));
  check(with("snapkv-decode", unpinned));
  check(with("snapkv-decode", set(&PolicyOptions::aggregation, "group")));
  check(with("adaptive", set(&PolicyOptions::interval, 30)));
  check(with("rpc", set(&PolicyOptions::preset, "reference")));
  Case prefill = with("snapkv", unpinned);
  prefill.prompts = {70, 131};
  prefill.cycles = 1;
  check(prefill);
  Case shared = with("adakv", unpinned);
  shared.prompts = {70, 131};
  shared.cycles = 1;
  shared.layers = 2;
  check(shared);
  check(with("lookahead"));
  check(with("r-kv", unpinned));
  check(with("r-kv", set(&PolicyOptions::aggregation, "group")));
  check(with("vase", unpinned));
  check(with("vase", set(&PolicyOptions::aggregation, "group")));
}

// Every policy was tried but those that evict nothing; single query heads have no sets of their own here.
void registry() {
  for (const PolicyRow& row : policyRows()) {
    PolicyOptions options = with("", unpinned).options;
    options.name = row.name;
    const auto policy = makePolicy(options);
    if (policy->evicts()) CHECK_CASE(tried.contains(options.name), options.name);
  }
  TestDevice device(forward);
  CacheCompression cache{};
  cache.sets = 1;
  const Case heads = with("rpc", set(&PolicyOptions::aggregation, "head"));
  CHECK(!compress(device.stream(), passesOf(makePolicy(heads.options)->recipe(), cache, {})));
}

// An index that is one too far is seen, and each barrier is needed: of the passes that other tests know nothing of.
void faults() {
  for (const char* name : {"rpc-shuffled", "r-kv", "vase"}) {
    const auto policy = makePolicy(with(name, set(&PolicyOptions::aggregation, "layer")).options);
    std::vector<WorldSequence> sequences;
    sequences.emplace_back(shape, 36, 110, 7);  // candidates end with a page
    sequences[0].prefill(*policy);
    sequences[0].untilDue(*policy);
    const auto run = [&](const std::string& cut) {
      return [&, cut](TestDevice& device) {
        const DeviceCaches caches(device, shape, *policy, sequences);
        compress(device.stream(), passesOn(device, caches, policy->recipe(), sequences, cut));
      };
    };
    const Recipe recipe = policy->recipe();
    std::vector<std::string> arrays{"ranks", "kept"};
    if (recipe.shuffled) arrays = {"shuffled"};
    if (recipe.lambda < 1) arrays = {"scales", "dropped"};
    if (recipe.rangeShare > 0) arrays = {"widths"};
    for (const std::string& cut : arrays) everyOrderSees(emulate::Fault::bounds, name + (", " + cut), run(cut));
    if (recipe.rangeShare > 0) continue;  // chooses, and has no barrier of its own
    everyOmissionIsSeen(name, [&](TestDevice& device) {
      const DeviceCaches caches(device, shape, *policy, sequences);
      Passes passes = passesOn(device, caches, recipe, sequences);
      const Global<double> given = device.array("given", std::vector<double>(passes.ranksRoom(), 0.5));
      passes.redundancy.ranks.ranks = passes.shuffling.ranks.ranks = given;
      if (recipe.shuffled) shuffleRanks(device.stream(), passes.shuffling);
      else takeOffRedundancy(device.stream(), passes.redundancy);
    });
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(compress) {
  using namespace pathpress::cuda;
  values();
  registry();
  faults();
}
