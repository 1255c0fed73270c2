// Golden facts: METHODS §1 of the design notes (triggers, counts, voters) and CLI.md (before and after).
#include <algorithm>
#include <cmath>

#include "check.h"
#include "policies_world.h"

using namespace pathpress;

namespace {

struct Event {
  int64_t written, before, after;
  bool operator==(const Event&) const = default;
};

float same(int, int64_t, int64_t, int64_t) { return 1; }

std::vector<Event> events(const PolicyOptions& options, int64_t prompt, int64_t writes) {
  const auto policy = makePolicy(options);
  World world(1, 1, 1, prompt, prompt + writes, same);
  world.open(policy->recipe().sets);
  std::vector<Event> list;
  for (int64_t t = 1; t <= writes; ++t) {
    world.write();
    if (!policy->due(world.progress)) continue;
    const int64_t before = std::ssize(world.held[0]);
    world.settle(world.compressed(*policy));
    list.push_back({t, before, std::ssize(world.held[0])});
  }
  return list;
}

// Generated tokens whose queries vote at the compression after `written`, the doubled one twice.
std::vector<int64_t> voters(const PolicyOptions& options, Progress progress) {
  const Recipe recipe = makePolicy(options)->recipe();
  std::vector<int64_t> tokens;
  for (int64_t rows = voterRows(recipe, progress), i = rows; i > 0; --i) tokens.push_back(progress.written - i + 1);
  if (recipe.lastTwice) tokens.push_back(progress.written);
  return tokens;
}

PolicyOptions rpc(int64_t interval, int64_t window, double ratio, const char* preset = "corrected") {
  return {.name = "rpc", .interval = interval, .window = window, .ratio = ratio, .preset = preset};
}

std::vector<int64_t> range(int64_t from, int64_t to) {
  std::vector<int64_t> list(to - from + 1);
  std::iota(list.begin(), list.end(), from);
  return list;
}

void rpcByHand() {
  for (const char* preset : {"corrected", "reference"}) {
    CHECK((events(rpc(16, 4, 4, preset), 5, 39) == std::vector<Event>{{20, 25, 13}, {36, 29, 17}}));
    const auto large = events(rpc(4096, 32, 4, preset), 7, 8300);
    CHECK((large == std::vector<Event>{{4128, 7 + 4128, 7 + 1056}, {8224, 7 + 5152, 7 + 2080}}));
    // R > P (CLI contract): after the N-th, prompt + N + R
    const auto often = events(rpc(4, 32, 4, preset), 5, 59);
    CHECK(often.size() == 6);
    for (int64_t n = 1; n <= std::ssize(often); ++n)
      CHECK(often[n - 1].written == 4 * n + 32 && often[n - 1].after == 5 + n + 32);
    // c = 1: every trigger listed, nothing leaves
    for (const Event& e : events(rpc(16, 4, 1, preset), 5, 60)) CHECK(e.before == e.after);
    CHECK(events(rpc(16, 4, 1, preset), 5, 60).size() == 3);
  }
  CHECK(events(rpc(16, 4, 4), 5, 19).empty());
  // P / c with a remainder: floor(N·10 / 4) = 2, 5, 7 against N·floor(10 / 4) = 2, 4, 6
  CHECK((events(rpc(10, 2, 4), 0, 32) == std::vector<Event>{{12, 12, 4}, {22, 14, 7}, {32, 17, 9}}));
  CHECK((events(rpc(10, 2, 4, "reference"), 0, 32) == std::vector<Event>{{12, 12, 4}, {22, 14, 6}, {32, 16, 8}}));
}

void votersByHand() {
  CHECK((voters(rpc(16, 4, 4), {5, 20, 0, 0}) == std::vector<int64_t>{17, 18, 19, 20}));
  CHECK((voters(rpc(16, 4, 4, "reference"), {5, 20, 0, 0}) == std::vector<int64_t>{18, 19, 20, 20}));
  CHECK((voters(rpc(16, 1, 4, "reference"), {5, 17, 0, 0}) == std::vector<int64_t>{17}));
  CHECK((voters(rpc(16, 1, 4), {5, 17, 0, 0}) == std::vector<int64_t>{17}));
  // R > P: P = 4, R = 32, second compression at 40
  CHECK(voters(rpc(4, 32, 4, "reference"), {5, 36, 0, 0}).size() == 32);
  CHECK((voters(rpc(4, 32, 4, "reference"), {5, 40, 1, 36}) == std::vector<int64_t>{37, 38, 39, 40, 40}));
  CHECK(voters(rpc(4, 32, 4), {5, 40, 1, 36}) == range(9, 40));
  PolicyOptions all = rpc(16, 4, 4), prompt = rpc(16, 4, 4);
  all.selectors = "all";
  prompt.selectors = "prompt";
  CHECK(voters(all, {5, 20, 0, 0}) == range(1, 20));
  CHECK(voters(all, {5, 36, 1, 20}) == range(21, 36));
  CHECK(voterRows(makePolicy(prompt)->recipe(), {5, 20, 0, 0}) == 4);
  CHECK(voterRows(makePolicy(prompt)->recipe(), {3, 20, 0, 0}) == 3);
}

// CLI.md: a ratio keeps to RPC's triggers and counts whatever the policy, a cap holds min(before, N) at k·interval.
void controls() {
  for (const char* name : {"recency", "random"}) {
    PolicyOptions o = rpc(16, 4, 4);
    o.name = name;
    CHECK((events(o, 5, 39) == std::vector<Event>{{20, 25, 13}, {36, 29, 17}}));
    o.pinPrompt = false;
    CHECK((events(o, 5, 39) == std::vector<Event>{{20, 25, 13}, {36, 29, 17}}));
    o.budget = "cap";
    o.keep = 24;
    CHECK((events(o, 5, 48) == std::vector<Event>{{16, 21, 21}, {32, 37, 24}, {48, 40, 24}}));
    o.interval = 2;  // due before the window is full
    CHECK((events(o, 5, 4) == std::vector<Event>{{2, 7, 7}, {4, 9, 9}}));
  }
  PolicyOptions o = rpc(16, 4, 4);
  o.budget = "cap";
  o.keep = 10;
  CHECK((events(o, 5, 40) == std::vector<Event>{{20, 25, 10}, {36, 26, 10}}));
  CHECK(events({.name = "full"}, 5, 100).empty());
  // The engine counts the pages that it reads in 32 bits: more than that are all, not few.
  const auto pagesRead = [](int64_t kept) { return makePolicy({.name = "quest", .keep = kept})->recipe().readPages; };
  CHECK(pagesRead(47) == 2 && pagesRead((int64_t{1} << 36) + 16) == (int64_t{1} << 31) - 1);
}

// Two heads, three rows, queries of zeros: every row spreads one vote evenly over what it sees.
void scoresByHand() {
  const std::vector<float> zeros(64, 0.0f);
  OwnKeys keys;
  keys.reset(4, 4);
  const std::vector<Voter> voters(2, {zeros.data(), keys.pages()});
  const std::vector<int32_t> positions{5, 6, 8, 9}, rows{5, 8, 20};
  SelectScratch scratch;
  const auto scores = [&](const Recipe& recipe) {
    scoreCandidates(recipe, {voters, 3, 4, positions, rows, {}}, scratch);
    return scratch.ranks;
  };
  const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    return std::ranges::equal(a, b, [](double x, double y) { return std::abs(x - y) < 1e-6; });
  };
  Recipe recipe{.scoring = Scoring::votes, .selectors = Selectors::recent};
  CHECK(near(scores(recipe), {0.75, 0.75, 0.75, 0.75}));
  recipe.lastTwice = true;
  CHECK(near(scores(recipe), {1, 1, 1, 1}));
  recipe.pooling = Pooling::avg, recipe.kernel = 3;
  CHECK(near(scores(recipe), {1, 1, 1, 1}));
  recipe.paddingCounts = true;
  CHECK(near(scores(recipe), {2 / 3.0, 1, 1, 2 / 3.0}));
  recipe.neighboursByPosition = true;  // 6 and 8 are two apart
  CHECK(near(scores(recipe), {2 / 3.0, 2 / 3.0, 2 / 3.0, 2 / 3.0}));
  recipe = {.scoring = Scoring::votes, .selectors = Selectors::all};  // the rows see 1, 3 and 4 candidates
  CHECK(near(scores(recipe), {1 + 1 / 3.0 + 0.25, 1 / 3.0 + 0.25, 1 / 3.0 + 0.25, 0.25}));
}

void refusals() {
  const auto message = [](auto change) {
    PolicyOptions o{.name = "rpc"};
    change(o);
    return check::thrown([&] { makePolicy(o); });
  };
  CHECK(message([](auto& o) { o.name = "nonsense"; }) == "policy nonsense: unknown");
  CHECK(message([](auto& o) { o.interval = 0; }).starts_with("interval 0:"));
  CHECK(message([](auto& o) { o.window = 0; }).starts_with("window 0:"));
  CHECK(message([](auto& o) { o.ratio = 0.5; }).starts_with("ratio 0.5"));
  CHECK(message([](auto& o) { o.kernel = 4; }).starts_with("kernel 4:"));
  CHECK(message([](auto& o) { o.kernel = -1; }).starts_with("kernel -1:"));
  CHECK(message([](auto& o) { o.budget = "most"; }).starts_with("budget most:"));
  CHECK(message([](auto& o) { o.pooling = "sum"; }) == "pooling sum: must be one of avg, max, none");
  CHECK(message([](auto& o) { o.budget = "cap", o.keep = 31; }).starts_with("keep 31:"));
  CHECK(message([](auto&) {}).empty());
  const auto capped = makePolicy({.name = "recency", .window = 4, .budget = "cap", .keep = 24});
  CHECK(check::thrown([&] { capped->admit(20); }).empty());
  CHECK(check::thrown([&] { capped->admit(21); }).starts_with("keep 24: less than the 25 entries"));
}

}  // namespace

int main() {
  rpcByHand();
  votersByHand();
  controls();
  scoresByHand();
  refusals();
  return checks();
}
