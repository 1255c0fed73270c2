// Kept sets of `rpc` against a brute force written apart: whole matrices in double, tokens named by number, nothing
// shared with native/policies. Every preset × aggregation × selectors × pooling × neighbours × group size, with
// random P, R, c, kernel, prompt, budget and pinning, three compressions each.
#include <cmath>
#include <random>
#include <set>

#include "check.h"
#include "policies_world.h"

namespace {

using Matrix = std::vector<std::vector<double>>;

struct Knobs {
  pathpress::PolicyOptions o;
  int64_t group;
};

// Numbers of the generated tokens (1, 2, …) or, for prompt selectors, of prompt positions (0, 1, …) that vote at
// the n-th compression, as METHODS §1 lists them.
std::vector<int64_t> voting(const pathpress::PolicyOptions& o, int64_t n, int64_t prompt) {
  const int64_t P = o.interval, R = o.window, now = n * P + R, previous = n == 1 ? 0 : (n - 1) * P + R;
  std::vector<int64_t> tokens;
  if (o.selectors == "prompt") {
    for (int64_t i = 0; i < prompt; ++i)
      if (i >= prompt - R) tokens.push_back(i);
  } else if (o.selectors == "all") {
    for (int64_t t = previous + 1; t <= now; ++t) tokens.push_back(t);
  } else if (o.preset == "corrected") {
    for (int64_t t = n * P + 1; t <= n * P + R; ++t) tokens.push_back(t);
  } else {
    for (int64_t t = n * P + 2; t <= n * P + R; ++t)
      if (t > previous) tokens.push_back(t);
    tokens.push_back(now);  // R = 1: alone; else once more
  }
  return tokens;
}

// Pooled scores of `candidates` (positions) in the set of query heads `voters`.
std::vector<double> scores(const Knobs& k, const World& w, int64_t n, const std::vector<int64_t>& candidates,
                           const std::set<int64_t>& voters) {
  const auto& o = k.o;
  const size_t size = candidates.size();
  Matrix votes;  // (voter and token, candidate)
  for (const int64_t head : voters) {
    for (const int64_t token : voting(o, n, w.prompt)) {
      const int64_t at = o.selectors == "prompt" ? token : w.prompt + token - 1;
      std::vector<double> e(size, 0.0);
      double total = 0;
      for (size_t i = 0; i < size; ++i) {
        if (o.selectors == "all" && candidates[i] > at) continue;
        double product = 0;
        const float* key = w.key(head / k.group, candidates[i]);
        for (int64_t j = 0; j < w.dim; ++j) product += double(w.query(head, at)[j]) * key[j];
        e[i] = std::exp(product / std::sqrt(double(w.dim)));
        total += e[i];
      }
      if (total > 0)
        for (double& x : e) x /= total;
      votes.push_back(e);
    }
  }
  std::vector<double> raw(size, 0.0), pooled(size);
  for (const auto& row : votes)
    for (size_t i = 0; i < size; ++i) raw[i] += row[i] / double(voters.size());
  if (o.pooling == "none") return raw;
  for (size_t i = 0; i < size; ++i) {
    double sum = 0, most = 0;
    int64_t there = 0;
    for (size_t j = 0; j < size; ++j) {
      const int64_t apart = o.neighbours == "position" ? candidates[j] - candidates[i] : int64_t(j) - int64_t(i);
      if (std::abs(apart) > (o.kernel - 1) / 2) continue;
      sum += raw[j];
      most = std::max(most, raw[j]);
      ++there;
    }
    pooled[i] = o.pooling == "max" ? most : sum / double(o.preset == "reference" ? o.kernel : there);
  }
  return pooled;
}

struct Answer {
  std::vector<int32_t> positions;
  bool clear;  // no two different scores nearer than 1e-6 at the cut
};

Answer expected(const Knobs& k, const World& w, int64_t n, const std::vector<int32_t>& before,
                const std::set<int64_t>& voters) {
  const auto& o = k.o;
  const int64_t first = o.pinPrompt ? w.prompt : 0, size = std::ssize(before);
  const int64_t generated = o.preset == "reference" ? n * int64_t(std::floor(o.interval / o.ratio))
                                                    : int64_t(std::floor(n * o.interval / o.ratio));
  const int64_t total = o.budget == "cap" ? std::min(size, o.keep) : w.prompt + generated + o.window;
  std::vector<int64_t> candidates(before.begin() + first, before.end() - o.window);
  const auto score = scores(k, w, n, candidates, voters);

  // Rank of a candidate = how many beat it; ties go to the earlier one.
  const int64_t stay = total - first - o.window;
  Answer answer{{before.begin(), before.begin() + first}, true};
  double least = INFINITY, best = -INFINITY;
  for (size_t i = 0; i < candidates.size(); ++i) {
    int64_t beaten = 0;
    for (size_t j = 0; j < candidates.size(); ++j) beaten += score[j] > score[i] || (score[j] == score[i] && j < i);
    if (beaten < stay) {
      answer.positions.push_back(int32_t(candidates[i]));
      least = std::min(least, score[i]);
    } else {
      best = std::max(best, score[i]);
    }
  }
  if (best > -INFINITY && least < INFINITY)
    for (const double x : score)
      for (const double edge : {least, best}) answer.clear &= x == edge || std::abs(x - edge) >= 1e-6;
  answer.positions.insert(answer.positions.end(), before.end() - o.window, before.end());
  return answer;
}

std::mt19937_64 rng(20250);

template <class T>
T pick(std::initializer_list<T> list) { return list.begin()[rng() % list.size()]; }

int compared = 0, leftOut = 0, evicting = 0;

std::set<int64_t> headsOf(const std::string& aggregation, int64_t set, int64_t heads, int64_t group) {
  std::set<int64_t> voters;
  for (int64_t h = 0; h < heads; ++h)
    if (aggregation == "layer" || (aggregation == "group" ? h / group == set : h == set)) voters.insert(h);
  return voters;
}

void run(Knobs k, const std::string& name) {
  auto& o = k.o;
  o.interval = pick<int64_t>({3, 4, 8, 10, 16, 21, 32});
  o.window = pick<int64_t>({1, 2, 3, 4, 7, 8, 12});
  o.ratio = pick<double>({1, 1.5, 2, 3, 4, 4, 4, 8});
  o.kernel = pick<int64_t>({1, 3, 5, 7, 9});
  o.pinPrompt = rng() % 4 != 0;
  const int64_t prompt = 1 + rng() % 14, kvHeads = 1 + rng() % 3, dim = pick<int64_t>({4, 5, 16, 20});
  if (rng() % 4 == 0) {
    o.budget = "cap";
    o.keep = (o.pinPrompt ? prompt : 0) + o.window + rng() % (2 * o.interval);
  }
  std::normal_distribution<float> normal(0, 1.5f);
  World world(kvHeads * k.group, kvHeads, dim, prompt, prompt + 3 * o.interval + o.window,
              [&](int, int64_t, int64_t, int64_t) { return normal(rng); });
  const auto policy = pathpress::makePolicy(o);
  world.open(policy->recipe().sets);
  for (int64_t n = 1; n <= 3; ++n) {
    while (world.progress.written < n * o.interval + o.window) {
      world.write();
      CHECK_CASE(policy->due(world.progress) == (world.progress.written == n * o.interval + o.window), name);
    }
    const auto ours = world.compressed(*policy);
    for (int64_t s = 0; s < std::ssize(ours); ++s) {
      const auto want = expected(k, world, n, world.held[s], headsOf(o.aggregation, s, world.heads, k.group));
      CHECK_CASE(ours[s].size() == want.positions.size(), name);
      if (!want.clear) {
        ++leftOut;
        continue;
      }
      ++compared;
      evicting += ours[s].size() < world.held[s].size();
      CHECK_CASE(ours[s] == want.positions, name + ", compression " + std::to_string(n) + ", set " + std::to_string(s));
    }
    world.settle(ours);
  }
}

}  // namespace

int main() {
  for (int repeat = 0; repeat < 2; ++repeat)
    for (const std::string preset : {"corrected", "reference"})
      for (const std::string aggregation : {"layer", "group", "head"})
        for (const std::string selectors : {"recent", "prompt", "all"})
          for (const std::string pooling : {"avg", "max", "none"})
            for (const std::string neighbours : {"cache", "position"})
              for (const int64_t group : {1, 2, 4, 7}) {
                Knobs k{{.name = "rpc"}, group};
                k.o.preset = preset, k.o.aggregation = aggregation, k.o.selectors = selectors;
                k.o.pooling = pooling, k.o.neighbours = neighbours;
                run(k, preset + " " + aggregation + " " + selectors + " " + pooling + " " + neighbours + " group " +
                           std::to_string(group));
              }
  std::printf("%d sets compared (%d of them evicting), %d left out (scores nearer than 1e-6 at the cut)\n", compared,
              evicting, leftOut);
  CHECK(evicting >= 500);
  CHECK(leftOut * 20 < compared);
  return checks();
}
