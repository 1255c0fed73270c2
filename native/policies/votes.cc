#include "votes.h"

#include <algorithm>
#include <cmath>
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

// The voters that share keys with the first of these.
size_t sharing(std::span<const Voter> voters) {
  size_t count = 1;
  while (count < voters.size() && voters[count].keys == voters[0].keys) ++count;
  return count;
}

// Adds weight · softmax over the first `seen` keys of the largest q·k / sqrt(dim) of these voters to `scores`.
void addVote(std::span<const Voter> voters, int64_t r, int64_t seen, int64_t dim, float weight, float* row,
             float* scores) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  for (size_t v = 0; v < voters.size(); ++v) {
    const float* query = voters[v].queries + r * dim;
    for (int64_t i = 0; i < seen; ++i) {
      const float logit = dot(query, voters[v].keys + i * dim, dim) * scale;
      row[i] = v == 0 ? logit : std::max(row[i], logit);
    }
  }
  const float top = *std::max_element(row, row + seen);
  for (int64_t i = 0; i < seen; ++i) row[i] = std::exp(row[i] - top);
  const float share = weight / sum(row, seen);
  for (int64_t i = 0; i < seen; ++i) scores[i] += row[i] * share;
}

// The same of one voter as a model of a 16-bit type computes it: rounded where the authors' code writes a tensor of that
// type, which is after the product, the division, the softmax (in float32 inside), and by the caller after the sum over
// rows.
void addRoundedVote(const float* query, const float* keys, int64_t seen, int64_t dim, float weight, DType type,
                    float* row, float* votes) {
  const float root = std::sqrt(static_cast<float>(dim));
  for (int64_t i = 0; i < seen; ++i) row[i] = roundTo(roundTo(dot(query, keys + i * dim, dim), type) / root, type);
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
  const int64_t candidates = std::ssize(set.positions);
  const bool causal = recipe.selectors == Selectors::all || recipe.softmax == Domain::row;
  const int64_t domain = recipe.softmax == Domain::slice ? set.firstKey + candidates : std::ssize(positions);
  const bool rounded = set.arithmetic != DType::f32;
  s.row.resize(positions.size());
  s.scores.assign(positions.size(), 0.0f);
  int64_t ballots = 0;
  for (std::span<const Voter> left = set.voters; !left.empty(); ++ballots) {
    const auto voters = left.first(recipe.strongestOfGroup ? sharing(left) : 1);
    left = left.subspan(voters.size());
    if (rounded) s.votes.assign(positions.size(), 0.0f);
    for (int64_t r = 0; r < set.rows; ++r) {
      const int64_t seen =
          causal ? std::ranges::upper_bound(positions, set.rowPositions[r]) - positions.begin() : domain;
      if (seen == 0) continue;
      const float weight = recipe.lastTwice && r == set.rows - 1 ? 2.0f : 1.0f;
      const Voter& one = voters[0];
      if (rounded)
        addRoundedVote(one.queries + r * set.dim, one.keys, seen, set.dim, weight, set.arithmetic, s.row.data(), s.votes.data());
      else
        addVote(voters, r, seen, set.dim, weight, s.row.data(), s.scores.data());
    }
    for (size_t i = 0; rounded && i < s.votes.size(); ++i) s.scores[i] += roundTo(s.votes[i], set.arithmetic);
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
    s.units.assign(left[0].keys, left[0].keys + keys * dim);
    for (int64_t i = 0; i < keys; ++i) {
      float* unit = &s.units[i * dim];
      const float length = std::sqrt(dot(unit, unit, dim)) + 1e-8f;
      for (int64_t j = 0; j < dim; ++j) unit[j] /= length;
    }
    s.order.assign(keys, 0.0);  // column sums, then their softmax
    for (int64_t i = 0; i < keys; ++i) {
      int64_t last = -1;
      for (int64_t j = 0; j < keys; ++j) {
        s.row[j] = j == i ? 0.0f : dot(&s.units[i * dim], &s.units[j * dim], dim);
        if (s.row[j] > 0.5f) last = j;
      }
      if (last >= 0) s.row[last] = 0.0f;
      for (int64_t j = 0; j < keys; ++j) s.order[j] += s.row[j];
    }
    const double top = *std::ranges::max_element(s.order);
    double total = 0;
    for (double& x : s.order) total += x = std::exp((x - top) / static_cast<double>(keys));
    for (int64_t i = 0; i < candidates; ++i)
      s.ranks[i] -= (1 - recipe.lambda) * s.order[set.firstKey + i] / total / heads;
  }
}

}  // namespace pathpress
