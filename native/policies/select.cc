#include "select.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pathpress {
namespace {

// Sums in sixteen interleaved lanes, folded pairwise: one order on every machine, and one that compilers vectorise.
constexpr int64_t kLanes = 16;

float fold(float (&lane)[kLanes]) {
  for (int64_t width = kLanes / 2; width > 0; width /= 2)
    for (int64_t i = 0; i < width; ++i) lane[i] += lane[i + width];
  return lane[0];
}

float dot(const float* a, const float* b, int64_t n) {
  float lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t j = 0; j < kLanes; ++j) lane[j] += a[i + j] * b[i + j];
  for (int64_t j = 0; i < n; ++i, ++j) lane[j] += a[i] * b[i];
  return fold(lane);
}

float sum(const float* a, int64_t n) {
  float lane[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) lane[i % kLanes] += a[i];
  return fold(lane);
}

// Adds weight · softmax(q·k / sqrt(dim)) over the first `seen` candidates to `scores`.
void addVote(const float* query, const float* keys, int64_t seen, int64_t dim, float weight, float* row,
             float* scores) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  for (int64_t i = 0; i < seen; ++i) row[i] = dot(query, keys + i * dim, dim) * scale;
  const float top = *std::max_element(row, row + seen);
  for (int64_t i = 0; i < seen; ++i) row[i] = std::exp(row[i] - top);
  const float share = weight / sum(row, seen);
  for (int64_t i = 0; i < seen; ++i) scores[i] += row[i] * share;
}

// The same as a model of a 16-bit type computes it: rounded where the authors' code writes a tensor of that type, which
// is after the product, the division, the softmax (in float32 inside), and by the caller after the sum over rows.
void addRoundedVote(const float* query, const float* keys, int64_t seen, int64_t dim, float weight, DType type,
                    float* row, float* votes) {
  const float root = std::sqrt(static_cast<float>(dim));
  for (int64_t i = 0; i < seen; ++i) row[i] = roundTo(roundTo(dot(query, keys + i * dim, dim), type) / root, type);
  const float top = *std::max_element(row, row + seen);
  for (int64_t i = 0; i < seen; ++i) row[i] = std::exp(row[i] - top);
  const float total = sum(row, seen);
  for (int64_t i = 0; i < seen; ++i) votes[i] += weight * roundTo(row[i] / total, type);
}

void countVotes(const Recipe& recipe, const CandidateSet& set, SelectScratch& s) {
  const int64_t n = std::ssize(set.positions);
  const bool rounded = set.arithmetic != DType::f32;
  s.row.resize(n);
  s.scores.assign(n, 0.0f);
  for (const Voter& voter : set.voters) {
    if (rounded) s.votes.assign(n, 0.0f);
    for (int64_t r = 0; r < set.rows; ++r) {
      int64_t seen = n;
      if (recipe.selectors == Selectors::all)
        seen = std::ranges::upper_bound(set.positions, set.rowPositions[r]) - set.positions.begin();
      if (seen == 0) continue;
      const float weight = recipe.lastTwice && r == set.rows - 1 ? 2.0f : 1.0f;
      const float* query = voter.queries + r * set.dim;
      if (rounded)
        addRoundedVote(query, voter.keys, seen, set.dim, weight, set.arithmetic, s.row.data(), s.votes.data());
      else
        addVote(query, voter.keys, seen, set.dim, weight, s.row.data(), s.scores.data());
    }
    for (int64_t i = 0; rounded && i < n; ++i) s.scores[i] += roundTo(s.votes[i], set.arithmetic);
  }
  for (float& score : s.scores) score = roundTo(score / static_cast<float>(set.voters.size()), set.arithmetic);
}

void pool(const Recipe& recipe, std::span<const int32_t> positions, DType arithmetic, SelectScratch& s) {
  const int64_t n = std::ssize(positions), half = recipe.kernel / 2;
  s.pooled.resize(n);
  int64_t low = 0, high = 0;  // neighbours of i: [low, high)
  for (int64_t i = 0; i < n; ++i) {
    if (recipe.neighboursByPosition) {
      while (positions[low] < positions[i] - half) ++low;
      while (high < n && positions[high] <= positions[i] + half) ++high;
    } else {
      low = std::max<int64_t>(0, i - half);
      high = std::min(n, i + half + 1);
    }
    const float* begin = s.scores.data() + low;
    const float* end = s.scores.data() + high;
    s.pooled[i] = recipe.pooling == Pooling::max
                      ? *std::max_element(begin, end)
                      : roundTo(std::accumulate(begin, end, 0.0f) /
                                    static_cast<float>(recipe.paddingCounts ? recipe.kernel : high - low),
                                arithmetic);
  }
  s.scores.swap(s.pooled);
}

// The finalizer of splitmix64: a bijection, so that chained words never collide by their order.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// A uniform priority in 53 bits, exact as a double.
double priority(const DrawKey& key, bool redraw, int32_t position) {
  uint64_t h = mix(key.seed);
  for (const int64_t word : {int64_t{key.stream[0]}, int64_t{key.stream[1]}, int64_t{key.layer}, int64_t{key.head},
                             redraw ? key.cycle : int64_t{-1}, int64_t{position}})
    h = mix(h ^ static_cast<uint64_t>(word));
  return static_cast<double>(h >> 11);
}

}  // namespace

void scoreCandidates(const Recipe& recipe, const CandidateSet& set, SelectScratch& s) {
  const int64_t n = std::ssize(set.positions);
  s.ranks.resize(n);
  if (recipe.scoring == Scoring::recency) {
    std::iota(s.ranks.begin(), s.ranks.end(), 0.0);
  } else if (recipe.scoring == Scoring::priority) {
    for (int64_t i = 0; i < n; ++i) s.ranks[i] = priority(set.key, recipe.redraw, set.positions[i]);
  } else {
    countVotes(recipe, set, s);
    if (recipe.pooling != Pooling::none) pool(recipe, set.positions, set.arithmetic, s);
    // A NaN has no rank: it would break the order that the selection relies on.
    std::ranges::transform(s.scores, s.ranks.begin(), [](float x) {
      return std::isnan(x) ? -std::numeric_limits<double>::infinity() : static_cast<double>(x);
    });
  }
}

void select(const Recipe& recipe, const CandidateSet& set, int64_t stay, SelectScratch& s,
            std::vector<int32_t>& kept) {
  const int64_t n = std::ssize(set.positions);
  kept.resize(n);
  std::iota(kept.begin(), kept.end(), 0);
  if (stay >= n) return;
  stay = std::max<int64_t>(stay, 0);
  scoreCandidates(recipe, set, s);
  std::ranges::nth_element(kept, kept.begin() + stay, [&s](int32_t a, int32_t b) {
    return s.ranks[a] != s.ranks[b] ? s.ranks[a] > s.ranks[b] : a < b;
  });
  kept.resize(stay);
  std::ranges::sort(kept);
}

}  // namespace pathpress
