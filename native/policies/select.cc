#include "select.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "draw.h"
#include "votes.h"

namespace pathpress {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// LazyEviction's: high where the time since the last visit is short beside the longest between two, and where that one
// is short itself. An entry never visited again is as good as new in its own row, and then counts by the second alone.
double expectedVisit(double since, double gap) {
  const double first = since == 0 ? 1 : gap == 0 ? 0 : 2 * sigmoid(-since / gap);
  return first + 2 * sigmoid(-gap - 1);
}

void rankByRecord(const Recipe& recipe, const CandidateSet& set, std::vector<double>& ranks) {
  const RecordView& record = set.record;
  for (size_t i = 0; i < ranks.size(); ++i) {
    switch (recipe.record) {
      case Record::mass: ranks[i] = record.mass[i]; break;
      case Record::stamp: ranks[i] = record.stamps[i]; break;
      case Record::recurrence:
        ranks[i] = expectedVisit(static_cast<double>(set.now - record.stamps[i]), record.gaps[i]);
        break;
      case Record::none: break;
    }
  }
}

// Best first; the lower index wins a tie.
auto better(const std::vector<double>& ranks) {
  return [&ranks](int32_t a, int32_t b) { return ranks[a] != ranks[b] ? ranks[a] > ranks[b] : a < b; };
}

// Scores change places within each tenth of the candidates, at random.
void shuffleByAge(const CandidateSet& set, SelectScratch& s) {
  const int64_t n = std::ssize(s.ranks);
  s.order.resize(n);
  for (int64_t i = 0; i < n; ++i) s.order[i] = priority(set.key, true, set.positions[i]);
  std::vector<double> shuffled(n);
  for (int64_t tenth = 0; tenth < 10; ++tenth) {
    const int64_t low = (tenth * n + 9) / 10, high = ((tenth + 1) * n + 9) / 10;
    s.indices.resize(high - low);
    std::iota(s.indices.begin(), s.indices.end(), static_cast<int32_t>(low));
    std::ranges::sort(s.indices, better(s.order));
    for (int64_t i = low; i < high; ++i) shuffled[s.indices[i - low]] = s.ranks[i];
  }
  s.ranks.swap(shuffled);
}

// Sampling without replacement in proportion to w: the largest of log(u) / w (Efraimidis and Spirakis, 2006).
void drawByScore(const CandidateSet& set, std::vector<double>& ranks) {
  for (size_t i = 0; i < ranks.size(); ++i) {
    const double u = (priority(set.key, true, set.positions[i]) + 0.5) * 0x1p-53;
    ranks[i] = ranks[i] > 0 ? std::log(u) / ranks[i] : kNever;
  }
}

// The candidates with the widest values come before all others.
void preferWidest(const Recipe& recipe, const CandidateSet& set, int64_t stay, SelectScratch& s) {
  const auto widest = static_cast<int64_t>(recipe.rangeShare * static_cast<double>(stay));
  s.order.assign(set.ranges.begin(), set.ranges.end());
  s.indices.resize(s.order.size());
  std::iota(s.indices.begin(), s.indices.end(), 0);
  std::ranges::nth_element(s.indices, s.indices.begin() + widest, better(s.order));
  for (int64_t i = 0; i < widest; ++i) s.ranks[s.indices[i]] = -kNever;
}

}  // namespace

void scoreCandidates(const Recipe& recipe, const CandidateSet& set, SelectScratch& s) {
  const int64_t n = std::ssize(set.positions);
  if (!set.given.empty()) return s.ranks.assign(set.given.begin(), set.given.end());
  s.ranks.assign(n, 0.0);
  if (recipe.scoring == Scoring::recency) {
    std::iota(s.ranks.begin(), s.ranks.end(), 0.0);
  } else if (recipe.scoring == Scoring::priority) {
    for (int64_t i = 0; i < n; ++i) s.ranks[i] = priority(set.key, recipe.redraw, static_cast<int32_t>(set.positions[i] / recipe.run));
  } else if (recipe.scoring == Scoring::record) {
    rankByRecord(recipe, set, s.ranks);
    if (recipe.pooling != Pooling::none) {
      s.scores.assign(s.ranks.begin(), s.ranks.end());
      poolVotes(recipe, set.positions, DType::f32, s);
      std::ranges::copy(s.scores, s.ranks.begin());
    }
  } else {
    countVotes(recipe, set, s);
    if (recipe.pooling != Pooling::none) poolVotes(recipe, set.positions, set.arithmetic, s);
    std::ranges::copy(s.scores, s.ranks.begin());
    if (recipe.lambda < 1) takeOffRedundancy(recipe, set, s);
  }
  for (double& rank : s.ranks) rank = recipe.inverted ? -rank : rank;
  // A NaN has no rank: it would break the order that the selection relies on.
  std::ranges::replace_if(s.ranks, [](double x) { return std::isnan(x); }, kNever);
  if (recipe.shuffled) shuffleByAge(set, s);
  if (recipe.drawn) drawByScore(set, s.ranks);
}

void select(const Recipe& recipe, const CandidateSet& set, int64_t stay, SelectScratch& s,
            std::vector<int32_t>& kept) {
  const int64_t n = std::ssize(set.positions);
  kept.resize(n);
  std::iota(kept.begin(), kept.end(), 0);
  if (stay >= n) return;
  stay = std::max<int64_t>(stay, 0);
  scoreCandidates(recipe, set, s);
  if (recipe.rangeShare > 0) preferWidest(recipe, set, stay, s);
  const auto first = better(s.ranks);
  std::ranges::nth_element(kept, kept.begin() + stay, first);
  const int32_t best = kept[stay];  // of those that leave: whatever comes before it stays
  kept.clear();
  for (int32_t i = 0; i < n; ++i) {
    if (first(i, best)) kept.push_back(i);
  }
}

std::vector<std::vector<int32_t>> shareOut(const std::vector<std::vector<double>>& ranks, int64_t places,
                                           int64_t floor) {
  std::vector<std::vector<int32_t>> kept(ranks.size());
  std::vector<std::pair<int32_t, int32_t>> rest;  // head, index
  for (size_t h = 0; h < ranks.size(); ++h) {
    std::vector<int32_t> own(ranks[h].size());
    std::iota(own.begin(), own.end(), 0);
    std::ranges::sort(own, better(ranks[h]));
    const int64_t safe = std::min(floor, std::ssize(own));
    kept[h].assign(own.begin(), own.begin() + safe);
    for (int64_t i = safe; i < std::ssize(own); ++i) {
      rest.push_back({static_cast<int32_t>(h), own[static_cast<size_t>(i)]});
    }
    places -= safe;
  }
  std::ranges::sort(rest, [&ranks](const auto& a, const auto& b) {
    const double x = ranks[static_cast<size_t>(a.first)][static_cast<size_t>(a.second)];
    const double y = ranks[static_cast<size_t>(b.first)][static_cast<size_t>(b.second)];
    return x != y ? x > y : a < b;
  });
  rest.resize(static_cast<size_t>(std::clamp<int64_t>(places, 0, std::ssize(rest))));
  for (const auto& [head, index] : rest) kept[static_cast<size_t>(head)].push_back(index);
  for (auto& list : kept) std::ranges::sort(list);
  return kept;
}

}  // namespace pathpress
