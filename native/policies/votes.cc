#include "votes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../engine/page.h"

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

constexpr int64_t rowsTogether = 8;  // whose scores are taken at once: a tile, and no more than a cache holds

// The voters that share keys with the first of these.
size_t sharing(std::span<const Voter> voters) {
  size_t count = 1;
  while (count < voters.size() && voters[count].keys == voters[0].keys) ++count;
  return count;
}

int64_t pagesOf(const KeyPages& keys, int64_t count) { return (keys.first + count + pageEntries - 1) / pageEntries; }

// From one row of scores to the next: whole pages, and room for vectors that begin in the middle of one.
size_t strideOf(const KeyPages& keys, int64_t count) {
  return static_cast<size_t>((pagesOf(keys, count) + 1) * pageEntries);
}

// Scores of a voter's rows [first, first + count) against every page of its keys.
void scoreRows(const Voter& voter, const CandidateSet& set, int64_t keys, int64_t first, int64_t count, float scale,
               const Kernels& kernels, std::vector<float>& out) {
  const size_t stride = strideOf(voter.keys, keys);
  out.resize(static_cast<size_t>(rowsTogether) * stride);
  kernels.scoreKeys({voter.keys, static_cast<int>(pagesOf(voter.keys, keys)), static_cast<int>(set.dim),
                     static_cast<int>(count), voter.queries + first * set.dim, scale, out.data(), stride});
}

// The same of one row as a model of a 16-bit type computes it: rounded where the authors' code writes a tensor of that
// type, which is after the product, the division, the softmax (in float32 inside), and by the caller after the sum over
// rows.
void addRoundedVote(float* row, int64_t seen, float root, float weight, DType type, float* votes) {
  for (int64_t i = 0; i < seen; ++i) row[i] = roundTo(roundTo(row[i], type) / root, type);
  const float top = *std::max_element(row, row + seen);
  for (int64_t i = 0; i < seen; ++i) row[i] = std::exp(row[i] - top);
  const float total = sum(row, seen);
  for (int64_t i = 0; i < seen; ++i) votes[i] += weight * roundTo(row[i] / total, type);
}

std::span<const int32_t> keyPositions(const CandidateSet& set) {
  return set.keyPositions.empty() ? set.positions : set.keyPositions;
}

}  // namespace

void countVotes(const Recipe& recipe, const CandidateSet& set, SelectScratch& s) {
  const std::span<const int32_t> positions = keyPositions(set);
  const int64_t keys = std::ssize(positions), candidates = std::ssize(set.positions);
  const bool causal = recipe.selectors == Selectors::all || recipe.softmax == Domain::row;
  const int64_t domain = recipe.softmax == Domain::slice ? set.firstKey + candidates : keys;
  const bool rounded = set.arithmetic != DType::f32;
  const float root = std::sqrt(static_cast<float>(set.dim)), scale = rounded ? 1.0f : 1.0f / root;
  s.scores.assign(static_cast<size_t>(keys + pageEntries), 0.0f);  // with room for whole vectors
  int64_t ballots = 0;
  for (std::span<const Voter> left = set.voters; !left.empty(); ++ballots) {
    const auto voters = left.first(recipe.strongestOfGroup ? sharing(left) : 1);
    left = left.subspan(voters.size());
    if (rounded) s.votes.assign(positions.size(), 0.0f);
    for (int64_t first = 0; first < set.rows; first += rowsTogether) {
      const int64_t count = std::min(rowsTogether, set.rows - first);
      scoreRows(voters[0], set, keys, first, count, scale, *s.kernels, s.rows);
      for (const Voter& rival : voters.subspan(1)) {
        scoreRows(rival, set, keys, first, count, scale, *s.kernels, s.rivals);
        for (size_t i = 0; i < s.rows.size(); ++i) s.rows[i] = std::max(s.rows[i], s.rivals[i]);
      }
      for (int64_t r = first; r < first + count; ++r) {
        const int64_t seen =
            causal ? std::ranges::upper_bound(positions, set.rowPositions[r]) - positions.begin() : domain;
        if (seen == 0) continue;
        const float weight = recipe.lastTwice && r == set.rows - 1 ? 2.0f : 1.0f;
        float* row = s.rows.data() + static_cast<size_t>(r - first) * strideOf(voters[0].keys, keys) + voters[0].keys.first;
        if (rounded) addRoundedVote(row, seen, root, weight, set.arithmetic, s.votes.data());
        else s.kernels->addSoftmax(row, static_cast<int>(seen), weight, s.scores.data());
      }
    }
    for (size_t i = 0; i < s.votes.size() && rounded; ++i) s.scores[i] += roundTo(s.votes[i], set.arithmetic);
  }
  s.scores.erase(s.scores.begin(), s.scores.begin() + set.firstKey);
  s.scores.resize(candidates);
  for (float& score : s.scores) score = roundTo(score / static_cast<float>(ballots), set.arithmetic);
}

void poolVotes(const Recipe& recipe, std::span<const int32_t> positions, DType arithmetic, SelectScratch& s) {
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

void takeOffRedundancy(const Recipe& recipe, const CandidateSet& set, SelectScratch& s) {
  const int64_t keys = std::ssize(keyPositions(set)), candidates = std::ssize(set.positions), dim = set.dim;
  for (double& rank : s.ranks) rank *= recipe.lambda / static_cast<double>(std::max<int64_t>(1, set.rows));
  double heads = 0;
  for (auto left = set.voters; !left.empty(); left = left.subspan(sharing(left))) ++heads;
  for (auto left = set.voters; !left.empty(); left = left.subspan(sharing(left))) {
    s.units.resize(keys * dim);
    s.rows.resize(keys);
    for (int64_t i = 0; i < keys; ++i) {
      float* unit = &s.units[i * dim];
      const int64_t entry = left[0].keys.first + i;
      const PageLayout layout{static_cast<int>(dim), left[0].keys.type};
      layout.readKey(left[0].keys.pages[entry / pageEntries], static_cast<int>(entry % pageEntries), unit);
      const float length = std::sqrt(dot(unit, unit, dim)) + 1e-8f;
      for (int64_t j = 0; j < dim; ++j) unit[j] /= length;
    }
    s.order.assign(keys, 0.0);  // column sums, then their softmax
    for (int64_t i = 0; i < keys; ++i) {
      int64_t last = -1;
      for (int64_t j = 0; j < keys; ++j) {
        s.rows[j] = j == i ? 0.0f : dot(&s.units[i * dim], &s.units[j * dim], dim);
        if (s.rows[j] > 0.5f) last = j;
      }
      if (last >= 0) s.rows[last] = 0.0f;
      for (int64_t j = 0; j < keys; ++j) s.order[j] += s.rows[j];
    }
    const double top = *std::ranges::max_element(s.order);
    double total = 0;
    for (double& x : s.order) total += x = std::exp((x - top) / static_cast<double>(keys));
    for (int64_t i = 0; i < candidates; ++i)
      s.ranks[i] -= (1 - recipe.lambda) * s.order[set.firstKey + i] / total / heads;
  }
}

}  // namespace pathpress
