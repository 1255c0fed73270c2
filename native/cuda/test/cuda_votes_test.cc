// Votes of query rows on cached keys against whole softmaxes in double precision, written apart.
#include "../votes.h"

#include "closeness.h"
#include "passes_world.h"

namespace pathpress::cuda {
namespace {

struct Case {
  const char* name;
  Shape shape;
  PolicyOptions options;
  std::vector<int> prompts;
  int cycles = 1;  // the votes of the last are looked at
};

PolicyOptions with(const char* name, int interval, int window, const std::function<void(PolicyOptions&)>& change = {}) {
  PolicyOptions options;
  options.name = name;
  options.interval = interval;
  options.window = window;
  options.ratio = 2;
  if (change) change(options);
  return options;
}

// Sequences at their due moment; the first due of all has one compression more behind it than its neighbours.
std::vector<WorldSequence> sequencesOf(const Case& c, const Policy& policy) {
  std::vector<WorldSequence> all;
  for (size_t s = 0; s < c.prompts.size(); ++s) {
    const int cycles = c.cycles + (s == 0);
    const auto written = static_cast<int>(cycles * c.options.interval + c.options.window);
    all.emplace_back(c.shape, c.prompts[s], c.prompts[s] + written, s + 1);
    all.back().prefill(policy);
    for (int cycle = 0; cycle < cycles; ++cycle) {
      all.back().untilDue(policy);
      if (cycle + 1 == cycles) break;
      for (World& world : all.back().layers) world.settle(world.compressed(policy));
    }
  }
  return all;
}

// Sum over the rows of a query head, or of all that share its key, of what they give each candidate.
std::vector<double> votesOf(const World& world, const Recipe& recipe, const Keep& keep, int kvHead, int first,
                            int count) {
  const std::vector<int32_t>& held = world.held[static_cast<size_t>(first * std::ssize(world.held) / world.heads)];
  const auto pinned = static_cast<size_t>(keep.pinned), end = held.size() - static_cast<size_t>(keep.recent);
  const bool causal = recipe.selectors == Selectors::all || recipe.softmax == Domain::row;
  std::vector<double> votes(end - pinned, 0.0);
  const std::vector<int32_t> rows = world.voterPositions(recipe);
  for (const int32_t at : rows) {
    std::vector<std::vector<double>> scores;
    for (int q = first; q < first + count; ++q) {
      std::vector<double>& own = scores.emplace_back(held.size(), -INFINITY);
      for (size_t e = 0; e < held.size(); ++e) {
        const bool early = recipe.softmax == Domain::candidates && e < pinned;
        const bool late = recipe.softmax != Domain::row && e >= end;
        if (early || late || (causal && held[e] > at)) continue;
        own[e] = 0;
        const float *query = world.query(q, at), *key = world.key(kvHead, held[e]);
        for (int d = 0; d < world.dim; ++d) own[e] += double{query[d]} * double{key[d]};
        own[e] /= std::sqrt(double(world.dim));
        if (recipe.strongestOfGroup) scores[0][e] = std::max(scores[0][e], own[e]);
      }
    }
    if (recipe.strongestOfGroup) scores.resize(1);
    for (const std::vector<double>& own : scores) {
      double total = 0;
      for (const double score : own) total += std::exp(score);
      const double weight = recipe.lastTwice && at == rows.back() ? 2 : 1;
      for (size_t i = 0; i < votes.size() && total > 0; ++i) votes[i] += weight * std::exp(own[pinned + i]) / total;
    }
  }
  return votes;
}

std::vector<float> onDevice(TestDevice& device, const DeviceCaches& caches, const Recipe& recipe,
                            const std::vector<WorldSequence>& sequences) {
  const Votes task = passesOn(device, caches, recipe, sequences).votes;
  CHECK(countVotes(device.stream(), task));
  return device.values(task.votes);
}

// Candidates whose votes are further off than float32 and rounded exponentials explain.
int wrong(const DeviceCaches& caches, const Recipe& recipe, const Policy& policy,
          const std::vector<WorldSequence>& sequences, const std::vector<float>& votes, SquaredError& error) {
  int count = 0;
  const bool perHead = recipe.sets == Aggregation::head;
  const int group = caches.cache.group, lists = perHead ? caches.cache.heads() : caches.cache.kvHeads;
  for (const Due& due : caches.plan.due) {
    const WorldSequence& sequence = sequences[static_cast<size_t>(due.slot - 1)];
    const Keep keep = policy.keep(sequence.progress());
    for (int layer = 0; layer < caches.cache.layers; ++layer) {
      for (int list = 0; list < lists; ++list) {
        const World& world = sequence.layers[static_cast<size_t>(layer)];
        const std::vector<double> want = perHead ? votesOf(world, recipe, keep, list / group, list, 1)
                                                 : votesOf(world, recipe, keep, list, list * group, group);
        const float* got = &votes[static_cast<size_t>((layer * lists + list) * caches.plan.votesRoom + due.votesAt +
                                                      due.pinned % cachePageEntries)];
        CHECK(static_cast<int>(want.size()) == due.candidates);
        for (size_t i = 0; i < want.size(); ++i) {
          count += !(std::abs(double{got[i]} - want[i]) <= 1e-4 * want[i] + 1e-9);
          error.add(got[i], want[i]);
        }
      }
    }
  }
  return count;
}

std::vector<Case> cases() {
  const auto set = [](auto member, auto value) { return [=](PolicyOptions& o) { o.*member = value; }; };
  std::vector<Case> all{
      {"rpc", {2, 2, 7, 64}, with("rpc", 60, 8), {5, 40}, 2},
      {"rpc of many chunks", {1, 1, 4, 128}, with("rpc", 560, 20), {33}},
      {"rpc, 16 heads a key, one row", {1, 1, 16, 64}, with("rpc", 40, 1), {3}},
      {"rpc, one head a key", {1, 2, 1, 64}, with("rpc", 40, 5), {32, 7}},
      {"rpc, prompt's rows", {1, 1, 5, 64}, with("rpc", 40, 6, set(&PolicyOptions::selectors, "prompt")), {11}, 2},
      {"rpc, all rows", {1, 2, 8, 64}, with("rpc", 40, 6, set(&PolicyOptions::selectors, "all")), {9}, 2},
      {"rpc, a set a query head", {1, 2, 4, 64}, with("rpc", 40, 18, set(&PolicyOptions::aggregation, "head")), {9}, 2},
      {"snapkv-decode", {1, 2, 4, 64}, with("snapkv-decode", 48, 8, [](PolicyOptions& o) {
         o.budget = "cap";
         o.keep = 40;
         o.pinPrompt = false;
       }), {20}, 2},
      {"r-kv", {1, 2, 4, 64}, with("r-kv", 48, 8, set(&PolicyOptions::pinPrompt, false)), {20}, 2},
  };
  if (onGpu) all.push_back({"rpc, P 1024, of a 7B model", {1, 4, 7, 128}, with("rpc", 1024, 32), {100, 300}, 2});
  return all;
}

void values() {
  for (const Case& c : cases()) {
    const auto policy = makePolicy(c.options);
    const Recipe recipe = policy->recipe();
    const std::vector<WorldSequence> sequences = sequencesOf(c, *policy);
    everyOrder(c.name, [&](TestDevice& device) {
      const DeviceCaches caches(device, c.shape, *policy, sequences);
      CHECK_CASE(caches.plan.due.size() == sequences.size(), c.name);
      SquaredError error;
      const std::vector<float> votes = onDevice(device, caches, recipe, sequences);
      noneWrong(wrong(caches, recipe, *policy, sequences, votes, error), std::string("votes ") + c.name);
      error.isWithin(floatNmse, std::string("votes ") + c.name);
    });
  }
}

// A sequence's votes are the same bits alone and beside a longer one.
void aloneAndTogether() {
  const Case c{"", {2, 1, 7, 64}, with("rpc", 300, 8), {5, 40}};
  const auto policy = makePolicy(c.options);
  const std::vector<WorldSequence> both = sequencesOf(c, *policy), one{both[1]};
  TestDevice together(shuffled(5)), alone(forward);
  const DeviceCaches all(together, c.shape, *policy, both), own(alone, c.shape, *policy, one);
  const std::vector<float> a = onDevice(together, all, policy->recipe(), both);
  const std::vector<float> b = onDevice(alone, own, policy->recipe(), one);
  for (int layer = 0; layer < 2; ++layer) {
    const auto at = a.begin() + layer * all.plan.votesRoom + all.plan.due[1].votesAt;
    const bool same = std::equal(at, at + own.plan.votesRoom, b.begin() + layer * own.plan.votesRoom);
    noneWrong(!same, "votes alone and in a batch, layer " + std::to_string(layer));
  }
}

void barriers() {
  const Case c{"", {1, 1, 4, 64}, with("rpc", 300, 13), {5}};
  const auto policy = makePolicy(c.options);
  const std::vector<WorldSequence> sequences = sequencesOf(c, *policy);
  everyOmissionIsSeen("votes", [&](TestDevice& device) {
    onDevice(device, DeviceCaches(device, c.shape, *policy, sequences), policy->recipe(), sequences);
  });
}

// An index that is one too far is seen.
void bounds() {
  const Case c{"", {1, 1, 4, 64}, with("rpc", 40, 8), {5}};
  const auto policy = makePolicy(c.options);
  const std::vector<WorldSequence> sequences = sequencesOf(c, *policy);
  for (const char* cut : {"parts", "totals", "votes"}) {
    everyOrderSees(emulate::Fault::bounds, cut, [&](TestDevice& device) {
      const DeviceCaches caches(device, c.shape, *policy, sequences);
      countVotes(device.stream(), passesOn(device, caches, policy->recipe(), sequences, cut).votes);
    });
  }
}

// Needed: the candidates' keys, read twice.
void bytes() {
  for (const Case& c : {Case{"group 7, dim 128", {1, 2, 7, 128}, with("rpc", 1500, 32), {40}},
                        {"group 4, dim 64", {1, 2, 4, 64}, with("rpc", 1500, 32), {40}}}) {
    const auto policy = makePolicy(c.options);
    std::vector<WorldSequence> sequences;
    sequences.emplace_back(c.shape, 40, 40 + 1532, 3);
    sequences[0].prefill(*policy);
    sequences[0].untilDue(*policy);
    TestDevice device(forward);
    const DeviceCaches caches(device, c.shape, *policy, sequences);
    onDevice(device, caches, policy->recipe(), sequences);
    CHECK(device.faults().none());
    const emulate::Traffic all = device.traffic();
    const emulate::Traffic &pages = device.traffic("pages"), &queries = device.traffic("queries");
    const double needed = 2.0 * caches.plan.due[0].candidates * c.shape.kvHeads * c.shape.dim * 2;
    const double moved = static_cast<double>(all.distinct + all.stored) * emulate::sectorBytes;
    const double asked = static_cast<double>(pages.loaded) * emulate::sectorBytes / needed;
    std::printf("votes, %s: moved over needed %.3f; keys asked for %.3f times; queries %.1f times\n", c.name,
                moved / needed, asked, static_cast<double>(queries.loaded) / static_cast<double>(queries.distinct));
    CHECK_CASE(moved / needed <= 1.2 && asked <= 1.05, c.name);
  }
}

void refusals() {
  TestDevice device(forward);
  Votes votes{};
  votes.cache.group = 4;
  votes.cache.dim = 96;
  CHECK(!countVotes(device.stream(), votes));
  votes.cache.dim = 64;
  votes.rounded = true;
  CHECK(!countVotes(device.stream(), votes));
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(votes) {
  using namespace pathpress::cuda;
  values();
  aloneAndTogether();
  barriers();
  bounds();
  emulatedOnly("bytes moved", bytes);
  refusals();
}
