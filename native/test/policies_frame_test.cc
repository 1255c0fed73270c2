// The arms of one frame, in which only the score varies: RPC's triggers and counts, its last R and the prompt, whatever the
// arm. Kept sets against plain loops written apart (policies_rivals_reference.h), for groups of 1, 2, 4 and 7 query
// heads: at least 500 runs of each arm that evict.
#include <random>

#include "check.h"
#include "policies_rivals_reference.h"

using namespace pathpress;
using reference::Knobs;
using reference::List;
using reference::Row;

namespace {

std::mt19937_64 rng(808);

int64_t below(int64_t n) { return int64_t(rng() % uint64_t(n)); }

// RPC's score: each of the last R queries spreads one vote of every head over the candidates.
Row rpcVotes(const World& w, const Knobs& k, const List& candidates, int64_t now) {
  Row raw(candidates.size(), 0.0);
  for (int64_t at = now - k.o.window + 1; at <= now; ++at)
    for (int64_t head = 0; head < w.heads; ++head) {
      const Row row = reference::attention(w, head, at, candidates);
      for (size_t i = 0; i < row.size(); ++i) raw[i] += row[i] / double(w.heads);
    }
  return reference::pooled(raw, k.o);
}

Row scores(const Knobs& k, const World& w, const reference::Notebook& notes, int64_t set, const List& held, size_t first,
           size_t end, const DrawKey& draw) {
  const List candidates(held.begin() + first, held.begin() + end);
  Row score;
  if (k.o.name == "recency")
    for (const int64_t p : candidates) score.push_back(double(p));
  if (k.o.name == "random")
    for (const int64_t p : candidates)
      score.push_back(priority(draw, k.o.draw == "redraw", int32_t(p / k.o.run)));
  if (k.o.name == "adaptive") score = rpcVotes(w, k, candidates, held.back());
  if (k.o.name == "rpc-inverted")
    for (const double votes : rpcVotes(w, k, candidates, held.back())) score.push_back(-votes);
  if (k.o.name == "r-kv") score = reference::rKv(w, k, set, held, first, end);
  if (k.o.name == "h2o") {
    for (const int64_t p : candidates) score.push_back(notes.score(k, set, p, held.back()));
    score = reference::pooled(score, k.o);
  }
  return score;
}

// The tokens after this one, with everything kept: every row of theirs notes what it gives to each that is held.
List lookAhead(World& w, int64_t rows) {
  w.record->clear();
  const int64_t now = w.held[0].back();
  List seen(w.held[0].begin(), w.held[0].end());
  for (int64_t at = now + 1; at <= now + rows; ++at) w.append(int32_t(at)), seen.push_back(at);
  w.held[0].resize(w.held[0].size() - size_t(rows));
  return seen;
}

Row attentionToCome(const World& w, const Knobs& k, const List& seen, size_t first, size_t end, size_t held) {
  Row raw(end - first, 0.0);
  for (size_t row = held; row < seen.size(); ++row)
    for (int64_t head = 0; head < w.heads; ++head) {
      const Row weights = reference::attention(w, head, seen[row], {seen.begin(), seen.begin() + int64_t(row) + 1});
      for (size_t i = first; i < end; ++i) raw[i - first] += weights[i] / double(w.heads);
    }
  return reference::pooled(raw, k.o);
}

// The end of an interval, from the entropies of tokens 1, 2, …: see native/policies/adaptive.cc.
bool intervalEnds(const PolicyOptions& o, const Row& entropies, int64_t t, int64_t last) {
  const int64_t since = t - (last > 0 ? last : o.window);
  if (since >= 2 * o.interval) return true;
  if (2 * since < o.interval) return false;
  double latest = 0, all = 0;
  for (int64_t i = 1; i <= t; ++i) all += entropies[i];
  for (int64_t i = t - o.window + 1; i <= t; ++i) latest += entropies[i];
  return o.moment == "sure" ? latest * double(t) <= all * double(o.window) : latest * double(t) >= all * double(o.window);
}

int runs = 0, compared = 0, leftOut = 0;

void run(const std::string& name, int64_t group) {
  Knobs k{{.name = name}, true};
  PolicyOptions& o = k.o;
  o.interval = 1 + below(12), o.window = 1 + below(6), o.ratio = 1.5 + double(below(6)) / 2;
  o.pinPrompt = below(3) > 0;
  o.kernel = 1 + 2 * below(4), o.pooling = below(3) == 0 ? "none" : below(2) ? "avg" : "max";
  o.recent = "window", o.lambda = double(below(9)) / 10;
  o.moment = below(2) ? "sure" : "unsure";
  o.ahead = below(2) * (1 + below(9));
  o.run = 1 + below(7), o.draw = below(2) ? "persistent" : "redraw";
  if (name == "random" && below(2)) o.granularity = "head", k.perLayer = false;
  const int64_t prompt = 1 + below(8), kvHeads = 1 + below(2), writes = 30;
  std::normal_distribution<float> normal(0, 1.3f);
  World w(kvHeads * group, kvHeads, 4 + 4 * below(2), prompt, prompt + writes + 12,
          [&](int, int64_t, int64_t, int64_t) { return normal(rng); });
  const auto policy = makePolicy(o);
  w.prefill(*policy);
  const bool oracle = name == "lookahead", notebook = policy->recipe().record != Record::none && !oracle;
  const int64_t rows = o.ahead > 0 ? o.ahead : o.interval;
  reference::Notebook notes{std::vector<std::map<int64_t, reference::Memory>>(w.held.size())};
  for (int64_t p = 0; p < prompt && notebook; ++p) {
    List seen(p + 1);
    std::iota(seen.begin(), seen.end(), 0);
    notes.row(w, k, 0, p, seen);
  }
  Row entropies{0.0}, sums{0.0};  // eighths: sums are exact, and ties happen
  for (int64_t t = 1; t <= writes; ++t) {
    entropies.push_back(double(below(9)) / 8);
    sums.push_back(sums.back() + entropies.back());
  }
  const bool adaptive = name == "adaptive";
  if (adaptive) w.progress.entropySums = sums;
  int64_t last = 0;
  const std::string where = name + ", group " + std::to_string(group);
  const int before = compared;
  for (int64_t t = 1; t <= writes; ++t) {
    w.write();
    if (notebook) notes.row(w, k, 0, prompt + t - 1, {w.held[0].begin(), w.held[0].end()});
    CHECK_CASE(policy->peak(prompt, t) >= std::ssize(w.held[0]), where + " at " + std::to_string(t));
    const bool due = adaptive ? t > o.window && intervalEnds(o, entropies, t, last)
                              : t > o.window && (t - o.window) % o.interval == 0;
    if (!CHECK_CASE(policy->due(w.progress) == due, where + " at " + std::to_string(t))) return;
    if (!due) continue;
    last = t;
    DrawKey draw{.seed = uint64_t(group), .stream = {1, 2}, .layer = 3, .cycle = w.progress.cycle};
    const List seen = oracle ? lookAhead(w, rows) : List{};
    const auto ours = w.compressed(*policy, draw);
    const int64_t total = prompt + int64_t(double(t - o.window) / o.ratio) + o.window;
    for (int64_t s = 0; s < std::ssize(ours); ++s) {
      draw.head = std::ssize(ours) == 1 ? 0 : int32_t(s);
      const List held(w.held[s].begin(), w.held[s].end());
      const int64_t size = std::ssize(held), first = o.pinPrompt ? prompt : 0, end = size - o.window;
      CHECK_CASE(std::ssize(ours[s]) == std::min(size, total), where);
      if (size <= total) continue;
      const Row score = oracle ? attentionToCome(w, k, seen, first, end, held.size())
                               : scores(k, w, notes, s, held, first, end, draw);
      const auto want = reference::best(score, held, first, end, total - first - o.window);
      ++(want.clear ? compared : leftOut);
      CHECK_CASE(!want.clear || List(ours[s].begin(), ours[s].end()) == want.positions, where + " at " + std::to_string(t));
    }
    w.settle(ours);
  }
  runs += compared > before;
}

// Of runs of 4, whole ones stay under `persistent`, whatever the compression, but where one meets the count, the prompt
// or the window.
void wholeRuns() {
  const PolicyOptions o{.name = "random", .interval = 256, .window = 8, .ratio = 4, .run = 4};
  const auto policy = makePolicy(o);
  World w(1, 1, 1, 4, 4 + 1100, [](int, int64_t, int64_t, int64_t) { return 0.0f; });
  w.open(policy->recipe().sets);
  while (w.progress.written < 1032) {
    w.write();
    if (policy->due(w.progress)) w.settle(w.compressed(*policy, {.seed = 5}));
  }
  std::map<int64_t, int> members;
  for (const int32_t p : w.held[0]) ++members[p / 4];
  int broken = 0;
  for (const auto& [which, count] : members) broken += count < 4;
  CHECK(w.progress.cycle == 4 && w.held[0].size() == 4 + 256 + 8);
  CHECK_CASE(broken <= 4, std::to_string(broken));
}

}  // namespace

int main() {
  for (const std::string name : {"recency", "random", "rpc-inverted", "lookahead", "adaptive", "h2o", "r-kv"}) {
    runs = compared = leftOut = 0;
    for (int repeat = 0; runs < 500 && repeat < 400; ++repeat)
      for (const int64_t group : {1, 2, 4, 7}) run(name, group);
    std::printf("%s: %d runs, %d evictions compared, %d left out (too close to call)\n", name.c_str(), runs, compared, leftOut);
    CHECK(runs >= 500);
    CHECK(leftOut * 20 < compared);
  }
  wholeRuns();
  return checks();
}
