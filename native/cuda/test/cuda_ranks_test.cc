// Ranks of candidates against the CPU's own, bit for bit: means, pooling, priorities, notes. But for exponentials on a
// GPU, whose last bit may be another.
#include "../ranks.h"

#include "../../policies/votes.h"
#include "compress_cases.h"

namespace pathpress::cuda {
namespace {

constexpr Shape shape{2, 2, 3, 32};

// Two compressions behind one, one behind the other; what stays is the later half, so that positions have gaps.
std::vector<WorldSequence> sequencesOf(const Policy& policy) {
  std::vector<WorldSequence> all;
  for (int s = 0; s < 2; ++s) {
    all.emplace_back(shape, s == 0 ? 5 : 40, 400, 3 + static_cast<uint64_t>(s));
    all[static_cast<size_t>(s)].prefill(policy);
    for (int cycle = 0; cycle < 2 + s; ++cycle) {
      if (cycle > 0) {
        for (World& world : all.back().layers) world.settle(world.compressed(policy));
      }
      all.back().untilDue(policy);
    }
  }
  return all;
}

std::vector<double> wanted(const Recipe& recipe, const Policy& policy, const World& world, const Due& due, int layer,
                           int set, const std::vector<float>& scores) {
  const Keep keep = policy.keep(world.progress);
  const World::Gathered from(world, recipe, keep, static_cast<size_t>(set));
  DrawKey key = drawKeyOf(due.slot, layer, due.cycle);
  key.head = set;
  SelectScratch scratch;
  if (recipe.scoring != Scoring::votes) {
    scoreCandidates(recipe, from.set(world, recipe, keep, key), scratch);
    return scratch.ranks;
  }
  scratch.scores = scores;
  const DType arithmetic = recipe.modelArithmetic ? DType::bf16 : DType::f32;
  if (recipe.pooling != Pooling::none) poolVotes(recipe, from.candidates, arithmetic, scratch);
  std::vector<double> ranks(scratch.scores.begin(), scratch.scores.end());
  for (double& rank : ranks) rank = recipe.inverted ? -rank : rank;
  return ranks;
}

void check(const CompressCase& c, int listsOfSet) {
  const auto policy = makePolicy(c.options);
  const Recipe recipe = policy->recipe();
  const bool exponential = onGpu && recipe.record == Record::recurrence;
  const std::vector<WorldSequence> sequences = sequencesOf(*policy);
  everyOrder(c.name, [&](TestDevice& device) {
    const DeviceCaches caches(device, shape, *policy, sequences);
    CHECK_CASE(caches.plan.due.size() == 2, c.name);
    Ranks task = passesOn(device, caches, recipe, sequences).ranks;
    task.lists = listsOfSet * task.cache.sets;
    task.ballots = 6;
    const std::vector<float> votes = drawFloats(static_cast<size_t>(task.cache.layers * task.lists * task.room), 8);
    task.votes = device.input("votes", votes);
    CHECK(rankCandidates(device.stream(), task));
    const std::vector<double> ranks = device.values(task.ranks);
    int wrong = 0;
    for (const Due& due : caches.plan.due) {
      for (int layer = 0; layer < task.cache.layers; ++layer) {
        for (int set = 0; set < task.cache.sets; ++set) {
          std::vector<float> means(static_cast<size_t>(due.candidates));
          for (int i = 0; i < due.candidates; ++i) {
            float sum = 0;
            for (int list = set * listsOfSet; list < (set + 1) * listsOfSet; ++list) {
              const int first = (layer * task.lists + list) * task.room + due.votesAt;
              sum += votes[static_cast<size_t>(first + due.pinned % cachePageEntries + i)];
            }
            means[static_cast<size_t>(i)] = roundTo(sum / 6.0f, recipe.modelArithmetic ? DType::bf16 : DType::f32);
          }
          const World& world = sequences[static_cast<size_t>(due.slot - 1)].layers[static_cast<size_t>(layer)];
          const std::vector<double> want = wanted(recipe, *policy, world, due, layer, set, means);
          CHECK(static_cast<int>(want.size()) == due.candidates);
          for (size_t i = 0; i < want.size(); ++i) {
            const double got = ranks[static_cast<size_t>(task.rankAt(layer, set, due)) + i];
            const bool same = got == want[i];
            wrong += !same && !(exponential && std::abs(got - want[i]) <= 1e-14 * std::abs(want[i]));
          }
        }
      }
    }
    noneWrong(wrong, "ranks " + c.name);
  });
}

void values() {
  check(with("rpc"), 2);
  check(with("rpc", [](PolicyOptions& o) { o.aggregation = "group"; }), 1);
  check(with("rpc", [](PolicyOptions& o) { o.neighbours = "position"; }), 2);
  check(with("rpc", [](PolicyOptions& o) { o.preset = "reference"; }), 6);
  check(with("rpc", [](PolicyOptions& o) {
    o.pooling = "max";
    o.kernel = 31;
  }), 2);
  check(with("rpc-inverted", [](PolicyOptions& o) { o.pooling = "none"; }), 2);
  check(with("recency"), 2);
  check(with("random"), 2);
  check(with("random", [](PolicyOptions& o) {
    o.draw = "redraw";
    o.granularity = "head";
    o.run = 7;
  }), 2);
  const auto capped = [](PolicyOptions& o) {
    o.budget = "cap";
    o.keep = 60;
  };
  check(with("lazy-eviction", [](PolicyOptions& o) { o.threshold = 0.02; }), 2);
  check(with("raas", capped), 2);
  check(with("h2o", capped), 2);
}

void faults() {
  const auto policy = makePolicy(with("rpc").options);
  const std::vector<WorldSequence> sequences = sequencesOf(*policy);
  const auto run = [&](TestDevice& device, size_t less) {
    const DeviceCaches caches(device, shape, *policy, sequences);
    Ranks task = passesOn(device, caches, policy->recipe(), sequences).ranks;
    task.lists = 1;
    task.ballots = 1;
    task.votes = device.input("votes", drawFloats(static_cast<size_t>(task.cache.layers * task.room), 8));
    const Due& last = caches.plan.due.back();
    const int64_t end = task.rankAt(task.cache.layers - 1, task.cache.sets - 1, last) + last.candidates;
    task.ranks = device.unwritten<double>("ranks", static_cast<size_t>(end) - less);
    rankCandidates(device.stream(), task);
    task.kernel = maxKernel + 2;
    CHECK(!rankCandidates(device.stream(), task));
  };
  everyOmissionIsSeen("ranks", [&](TestDevice& device) { run(device, 0); });
  everyOrderSees(emulate::Fault::bounds, "ranks", [&](TestDevice& device) { run(device, 1); });
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(ranks) {
  using namespace pathpress::cuda;
  values();
  faults();
}
