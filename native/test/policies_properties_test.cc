// What holds for every policy of the registry, and the statistics of the random ones.
#include <algorithm>
#include <random>

#include "check.h"
#include "policies_world.h"

using namespace pathpress;

namespace {

std::mt19937_64 rng(7);

// Every combination of knobs that some policy reads; a policy ignores the others.
std::vector<PolicyOptions> variants(std::string_view name) {
  std::vector<PolicyOptions> list;
  for (const bool pin : {true, false})
    for (const char* budget : {"ratio", "cap"})
      for (const char* draw : {"persistent", "redraw"})
        for (const char* granularity : {"layer", "head"})
          for (const char* preset : {"corrected", "reference"})
            for (const char* aggregation : {"layer", "group", "head"})
              list.push_back({.name = std::string(name),
                              .interval = int64_t(1 + rng() % 20),
                              .window = int64_t(1 + rng() % 12),
                              .ratio = 1 + double(rng() % 9) / 2,
                              .budget = budget,
                              .keep = 40,
                              .pinPrompt = pin,
                              .preset = preset,
                              .aggregation = aggregation,
                              .draw = draw,
                              .granularity = granularity});
  return list;
}

// Prompt where pinned and the last R stay, order and distinctness hold, counts are what keep() says, nothing returns.
void invariants(const PolicyOptions& o) {
  const auto policy = makePolicy(o);
  const bool once = o.name == "snapkv" || o.name == "adakv";
  // Short prompts where they are pinned, and also ones that a cap of 40 cuts.
  const int64_t prompt = 1 + rng() % (once || !o.pinPrompt ? 80 : 9), writes = once ? 3 : 90;
  policy->admit(prompt);
  std::normal_distribution<float> normal;
  World world(4, 2, 4, prompt, prompt + writes, [&](int, int64_t, int64_t, int64_t) { return normal(rng); });
  world.prefill(*policy);
  int64_t most = prompt;
  bool bounded = policy->peak(prompt, 0) == prompt, exact = true;
  for (int64_t t = 0; t <= writes; ++t) {
    if (t > 0) world.write();
    for (const auto& held : world.held) most = std::max(most, std::ssize(held));
    bounded &= policy->peak(prompt, t) >= most;
    exact &= policy->peak(prompt, t) == most;
    if (!policy->due(world.progress)) continue;
    const Keep keep = policy->keep(world.progress);
    const auto after = world.compressed(*policy);
    CHECK(after == world.compressed(*policy));
    CHECK(voterRows(policy->recipe(), world.progress) <= policy->recipe().queries);
    const int64_t total = keep.pinned + keep.scored + keep.recent;
    int64_t before = 0, left = 0;
    for (int64_t s = 0; s < std::ssize(after); ++s) {
      const auto &old = world.held[s], &now = after[s];
      before += std::ssize(old), left += std::ssize(now);
      if (!policy->recipe().sharedOut) CHECK(std::ssize(now) == std::min(std::ssize(old), total));
      CHECK(std::adjacent_find(now.begin(), now.end(), std::greater_equal<>()) == now.end());
      CHECK(std::includes(old.begin(), old.end(), now.begin(), now.end()));
      if (o.pinPrompt) CHECK(keep.pinned >= prompt && now[prompt - 1] == prompt - 1);
      CHECK(std::equal(now.begin(), now.begin() + keep.pinned, old.begin()));
      const bool windowed = o.name.starts_with("r") && o.name != "raas";  // rpc, rpc-shuffled, random, recency, r-kv
      const int64_t recent = windowed ? std::min(o.window, o.pinPrompt ? t : t + prompt) : keep.recent;
      CHECK(std::equal(now.end() - recent, now.end(), old.end() - recent));
    }
    CHECK(left == std::min(before, total * std::ssize(after)));  // of heads of uneven length, the mean
    world.settle(after);
    CHECK(!policy->due(world.progress));  // asked again at the same place
  }
  CHECK_CASE(bounded, o.name);
  if (!policy->recipe().sharedOut && !policy->recipe().entropies) CHECK_CASE(exact, o.name);
}

PolicyOptions random(const char* draw, const char* granularity = "layer") {
  return {.name = "random", .interval = 2048, .window = 8, .ratio = 4, .draw = draw, .granularity = granularity};
}

std::vector<std::vector<int32_t>> after(const PolicyOptions& o, int64_t cycles, DrawKey key) {
  const auto policy = makePolicy(o);
  World world(2, 2, 1, 3, 3 + cycles * o.interval + o.window, [](int, int64_t, int64_t, int64_t) { return 0.0f; });
  world.open(policy->recipe().sets);
  while (world.progress.cycle < cycles) {
    world.write();
    if (policy->due(world.progress)) world.settle(world.compressed(*policy, key));
  }
  return world.held;
}

// Share of each interval's tokens still held after `cycles` compressions, over `runs` streams.
std::vector<double> survival(const char* draw, int64_t cycles, int runs) {
  std::vector<double> share(cycles);
  const PolicyOptions o = random(draw);
  for (int32_t run = 0; run < runs; ++run) {
    const auto held = after(o, cycles, {.seed = 1, .stream = {run, 0}});
    for (const int32_t p : held[0])
      if (p >= 3 && (p - 3) / o.interval < cycles) share[(p - 3) / o.interval] += 1.0 / (o.interval * runs);
  }
  return share;
}

// METHODS §2: persistent keeps 25 % of every interval; under redraw a token of the first interval survives M
// compressions with probability 1 / C(M + 3, 3). 16 runs × 2048 tokens: one standard error is at most 0.003. Under
// persistent the counts are exact and the priorities are not, so that small intervals favour the newest a little.
void draws() {
  const auto persistent = survival("persistent", 4, 16), redraw = survival("redraw", 4, 16);
  std::printf("held after 4 compressions, oldest interval first: persistent");
  for (double x : persistent) std::printf(" %.3f", x);
  std::printf(", redraw");
  for (double x : redraw) std::printf(" %.3f", x);
  std::printf("\n");
  for (const double x : persistent) CHECK(std::abs(x - 0.25) < 0.012);
  CHECK(std::abs(redraw[0] - 1.0 / 35) < 0.005);
  CHECK(std::abs(redraw[3] - 4.0 / 7) < 0.012);

  for (const char* draw : {"persistent", "redraw"}) {
    const DrawKey key{.seed = 3, .stream = {1, 2}, .layer = 1};
    const auto base = after(random(draw), 2, key);
    CHECK(base == after(random(draw), 2, key));
    const DrawKey others[] = {{4, {1, 2}, 1}, {3, {2, 2}, 1}, {3, {1, 1}, 1}, {3, {1, 2}, 0}};
    for (const DrawKey& other : others) CHECK(base != after(random(draw), 2, other));
    const auto heads = after(random(draw, "head"), 2, key);
    CHECK(heads.size() == 2 && heads[0] != heads[1]);
  }
}

}  // namespace

int main() {
  CHECK(policyRows().size() >= 4);
  for (const PolicyRow& row : policyRows()) {
    int accepted = 0;
    for (const PolicyOptions& o : variants(row.name)) {
      if (!check::thrown([&] { makePolicy(o); }).empty()) continue;  // a combination without meaning
      invariants(o);
      ++accepted;
    }
    CHECK_CASE(accepted >= 12, std::string(row.name));
  }
  draws();
  return checks();
}
