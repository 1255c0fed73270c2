// Kept sets of every rival against the brute force of policies_rivals_reference.h, with random knobs, prompts, budgets,
// pinning and pooling, for groups of 1, 2, 4 and 7 query heads: at least 500 runs of each that evict.
#include <random>

#include "check.h"
#include "policies_rivals_reference.h"

using namespace pathpress;
using reference::best;
using reference::Kept;
using reference::Knobs;
using reference::List;
using reference::Row;

namespace {

std::mt19937_64 rng(31337);

int64_t below(int64_t n) { return int64_t(rng() % uint64_t(n)); }

// METHODS §2 and CLI.md: how many stay in all, and of them the first and the last in any case.
struct Counts {
  int64_t total, first, last;
};

Counts counts(const PolicyOptions& o, int64_t prompt, int64_t written) {
  Counts c;
  c.total = o.budget == "cap" ? o.keep : prompt + int64_t((written - o.window) / o.interval * o.interval / o.ratio) + o.window;
  c.first = o.pinPrompt ? prompt : 0;
  if (o.name == "streaming" || o.name == "vase") c.first = std::max(c.first, o.sinks);
  c.first = std::min(c.first, c.total - (o.name == "vase" ? o.window : 0));  // the count wins over the sinks
  const int64_t room = c.total - c.first;
  if (o.name == "h2o" && o.recent == "half") c.last = room - room / 2;
  else if (o.name == "streaming") c.last = room;
  else if (o.name == "tova" || o.name == "raas" || o.name == "lazy-eviction") c.last = 0;
  else c.last = o.window;
  return c;
}

bool dueAt(const PolicyOptions& o, int64_t written, int64_t held) {
  if (o.budget == "ratio") return written > o.window && (written - o.window) % o.interval == 0;
  if (o.name == "snapkv" || o.name == "adakv") return written == 0;
  if (o.name == "h2o" || o.name == "tova" || o.name == "streaming" || o.name == "raas") return held > o.keep;
  const int64_t late = o.name == "rpc-shuffled" ? o.window : 0;
  return written > late && (written - late) % o.interval == 0;
}

Kept expected(const Knobs& k, const World& w, const Policy& policy, const reference::Notebook& notes, int64_t set,
              const DrawKey& draw) {
  const PolicyOptions& o = k.o;
  const List held(w.held[set].begin(), w.held[set].end());
  const Counts c = counts(o, w.prompt, w.progress.written);
  const int64_t size = std::ssize(held), first = c.first;
  if (size <= c.total) return {held};
  const int64_t end = size - c.last, stay = c.total - first - c.last;
  if (o.name == "streaming") return best(Row(end - first, 0.0), held, first, end, 0);
  if (o.name == "tova") {
    Knobs current = k;
    current.o.window = 1, current.o.pooling = "none";
    return best(reference::snap(w, current, set, held, first, end, held.back()), held, first, end, stay);
  }
  if (o.name == "snapkv" || o.name == "snapkv-decode")
    return best(reference::snap(w, k, set, held, first, end, held.back()), held, first, end, stay);
  if (o.name == "r-kv") return best(reference::rKv(w, k, set, held, first, end), held, first, end, stay);
  if (o.name == "vase") {
    const List older(held.begin(), held.begin() + end);
    Row score = reference::snap(w, k, set, older, first, end, held.back()), range(score.size(), 0.0);
    for (size_t i = 0; i < score.size(); ++i) {
      score[i] = std::log(reference::uniform(draw, held[first + i])) / score[i];
      for (int64_t kv = k.perLayer ? 0 : set; kv < (k.perLayer ? w.kvHeads : set + 1); ++kv) {
        const float* v = w.value(kv, held[first + i]);
        range[i] += double(*std::max_element(v, v + w.dim)) - double(*std::min_element(v, v + w.dim));
      }
    }
    const Kept widest = best(range, held, first, end, stay / 4);
    Row rest;
    List others;
    for (size_t i = 0; i < score.size(); ++i) {
      if (std::ranges::binary_search(widest.positions, held[first + i])) continue;
      rest.push_back(score[i]);
      others.push_back(held[first + i]);
    }
    Kept kept = best(rest, others, 0, std::ssize(others), stay - stay / 4);
    kept.clear &= widest.clear;
    kept.positions.insert(kept.positions.end(), widest.positions.begin(), widest.positions.end());
    std::ranges::sort(kept.positions);
    return kept;
  }
  if (o.name == "rpc-shuffled") {  // RPC's own scores, which policies_brute_test.cc checks, permuted here
    PolicyOptions plain = o;
    plain.name = "rpc";
    const Keep keep = policy.keep(w.progress);
    const Recipe recipe = makePolicy(plain)->recipe();
    const World::Gathered from(w, recipe, keep, set);
    SelectScratch scratch;
    scoreCandidates(recipe, from.set(w, recipe, keep, draw), scratch);
    const int64_t n = std::ssize(scratch.ranks);
    Row score(n);
    for (int64_t tenth = 0; tenth < 10; ++tenth) {
      std::vector<std::pair<double, int64_t>> order;
      List here;
      for (int64_t i = 0; i < n; ++i) {
        if (10 * i / n != tenth) continue;
        here.push_back(i);
        order.push_back({-reference::uniform(draw, held[first + i]), i});
      }
      std::ranges::sort(order);
      for (size_t i = 0; i < here.size(); ++i) score[order[i].second] = scratch.ranks[here[i]];
    }
    return best(score, held, first, end, stay);
  }
  Row score;  // h2o, raas, lazy-eviction
  for (int64_t i = first; i < end; ++i) score.push_back(notes.score(k, set, held[i], held.back()));
  if (o.name == "h2o") score = reference::pooled(score, o);
  Kept kept = best(score, held, first, end, stay);
  kept.clear &= notes.clear;
  return kept;
}

// AdaKV's sets all at once: each head's own best up to the floor, then the best of all.
std::vector<Kept> sharedOut(const Knobs& k, const World& w) {
  const Counts c = counts(k.o, w.prompt, 0);
  const int64_t size = w.prompt, end = size - std::min(c.last, size), stay = c.total - c.last;
  std::vector<Row> score;
  std::vector<Kept> kept(w.kvHeads);
  for (int64_t s = 0; s < w.kvHeads; ++s) {
    const List held(w.held[s].begin(), w.held[s].end());
    score.push_back(reference::snap(w, k, s, held, 0, end, held.back()));
  }
  bool clear = true;
  std::vector<std::vector<bool>> in(w.kvHeads, std::vector<bool>(end, false));
  for (int64_t left = std::min(stay, end) * w.kvHeads, floors = int64_t(k.o.floor * double(stay)) * w.kvHeads; left > 0; --left, --floors) {
    int64_t head = -1, index = -1;
    for (int64_t s = 0; s < w.kvHeads; ++s) {
      const bool full = std::ranges::count(in[s], true) >= int64_t(k.o.floor * double(stay));
      if (floors > 0 && full) continue;
      for (int64_t i = 0; i < end; ++i) {
        if (in[s][i]) continue;
        if (head < 0 || score[s][i] > score[head][index]) head = s, index = i;
      }
    }
    for (int64_t s = 0; s < w.kvHeads; ++s)
      for (int64_t i = 0; i < end; ++i) {
        const double apart = std::abs(score[s][i] - score[head][index]);
        clear &= apart == 0 || apart > 1e-7;  // a maximum shared by neighbours is the same number everywhere
      }
    in[head][index] = true;
  }
  for (int64_t s = 0; s < w.kvHeads; ++s) {
    kept[s].clear = clear || size <= c.total;
    for (int64_t i = 0; i < size; ++i)
      if (i >= end || in[s][i]) kept[s].positions.push_back(i);
  }
  return kept;
}

Knobs knobs(const std::string& name, int64_t prompt) {
  Knobs k{{.name = name}, name == "adakv" ? false : below(3) == 0};
  PolicyOptions& o = k.o;
  const bool once = name == "snapkv" || name == "adakv";
  o.interval = 1 + below(9);
  o.window = 1 + below(6);
  o.ratio = 1.5 + double(below(6)) / 2;
  o.budget = once || below(3) ? "cap" : "ratio";
  o.pinPrompt = !once && below(2);
  o.kernel = 1 + 2 * below(4);
  o.pooling = below(3) == 0 ? "none" : below(2) ? "avg" : "max";
  o.aggregation = k.perLayer ? "layer" : "group";
  o.sinks = below(5);
  o.recent = below(2) ? "half" : "window";
  o.lambda = double(below(9)) / 10;
  o.threshold = 0.02 + double(below(100)) / 1000;
  o.floor = double(below(11)) / 10;
  if (o.budget == "cap") o.keep = std::max(o.pinPrompt ? prompt : 0, o.sinks) + o.window + below(once ? prompt : 12);
  return k;
}

int runs = 0, compared = 0, leftOut = 0;

void run(const std::string& name, int64_t group) {
  const int64_t prompt = 1 + below(name == "snapkv" || name == "adakv" ? 30 : 8);
  const Knobs k = knobs(name, prompt);
  const int64_t kvHeads = 1 + below(2), writes = name == "snapkv" || name == "adakv" ? 3 : 26;
  std::normal_distribution<float> normal(0, 1.3f);
  World w(kvHeads * group, kvHeads, 4 + 4 * below(2), prompt, prompt + writes,
          [&](int, int64_t, int64_t, int64_t) { return normal(rng); });
  const auto policy = makePolicy(k.o);
  const std::string where = name + ", group " + std::to_string(group) + ", " + k.o.budget;
  policy->admit(prompt);
  w.prefill(*policy);
  reference::Notebook notes{std::vector<std::map<int64_t, reference::Memory>>(w.held.size())};
  const bool notebook = policy->recipe().record != Record::none;
  for (int64_t s = 0; s < std::ssize(w.held) && notebook; ++s)
    for (int64_t p = 0; p < prompt; ++p) {
      List seen(p + 1);
      std::iota(seen.begin(), seen.end(), 0);
      notes.row(w, k, s, p, seen);
    }
  const int before = compared;
  for (int64_t t = 0; t <= writes; ++t) {
    if (t > 0) {
      w.write();
      for (int64_t s = 0; s < std::ssize(w.held) && notebook; ++s)
        notes.row(w, k, s, prompt + t - 1, {w.held[s].begin(), w.held[s].end()});
    }
    const bool due = policy->due(w.progress);
    if (!CHECK_CASE(due == dueAt(k.o, t, std::ssize(w.held[0])), where + " at " + std::to_string(t))) return;
    if (!due) continue;
    DrawKey draw{.seed = uint64_t(group), .stream = {1, 2}, .layer = 3, .cycle = w.progress.cycle};
    const auto ours = w.compressed(*policy, draw);
    const auto shared = policy->recipe().sharedOut ? sharedOut(k, w) : std::vector<Kept>{};
    for (int64_t s = 0; s < std::ssize(ours); ++s) {
      draw.head = std::ssize(ours) == 1 ? 0 : int32_t(s);
      const Kept want = shared.empty() ? expected(k, w, *policy, notes, s, draw) : shared[s];
      if (ours[s].size() < w.held[s].size()) ++(want.clear ? compared : leftOut);
      CHECK_CASE(!want.clear || List(ours[s].begin(), ours[s].end()) == want.positions, where + " at " + std::to_string(t));
    }
    w.settle(ours);
  }
  runs += compared > before;
}

}  // namespace

int main() {
  for (const PolicyRow& row : policyRows()) {
    const std::string name(row.name);
    if (!makePolicy({.name = name, .budget = "cap", .keep = 64, .pinPrompt = false})->evicts()) continue;
    // policies_brute_test, policies_frame_test
    constexpr std::string_view elsewhere[] = {"rpc", "recency", "random", "rpc-inverted", "lookahead", "adaptive"};
    if (std::ranges::find(elsewhere, row.name) != std::end(elsewhere)) continue;
    runs = compared = leftOut = 0;
    for (int repeat = 0; runs < 500 && repeat < 400; ++repeat)
      for (const int64_t group : {1, 2, 4, 7}) run(name, group);
    std::printf("%s: %d runs, %d evictions compared, %d left out (too close to call)\n", name.c_str(), runs, compared, leftOut);
    CHECK(runs >= 500);
    CHECK(leftOut * 20 < compared);
  }
  return checks();
}
