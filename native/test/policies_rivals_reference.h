// The rivals of METHODS §2 written apart, for comparison: plain loops in double over explicit attention matrices, tokens
// named by position; of native/policies only the random numbers are taken.
#pragma once

#include <map>
#include <string>

#include "../policies/draw.h"
#include "policies_world.h"

namespace reference {

using List = std::vector<int64_t>;
using Row = std::vector<double>;

struct Knobs {
  pathpress::PolicyOptions o;
  bool perLayer;
};

// Attention of one query head at `at` over the entries of `list` no later than it, 0 for later ones.
inline Row attention(const World& w, int64_t head, int64_t at, const List& list) {
  Row row(list.size(), 0.0);
  double total = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i] > at) continue;
    double product = 0;
    const float* key = w.key(head / (w.heads / w.kvHeads), list[i]);
    for (int64_t j = 0; j < w.dim; ++j) product += double(w.query(head, at)[j]) * key[j];
    total += row[i] = std::exp(product / std::sqrt(double(w.dim)));
  }
  for (double& x : row) x /= total;
  return row;
}

inline List headsOf(const World& w, const Knobs& k, int64_t set) {
  List heads;
  for (int64_t h = 0; h < w.heads; ++h)
    if (k.perLayer || h / (w.heads / w.kvHeads) == set) heads.push_back(h);
  return heads;
}

inline Row pooled(const Row& raw, const pathpress::PolicyOptions& o) {
  if (o.pooling == "none") return raw;
  Row out(raw.size());
  for (int64_t i = 0; i < std::ssize(raw); ++i) {
    double sum = 0, most = -INFINITY, count = 0;
    for (int64_t j = 0; j < std::ssize(raw); ++j) {
      if (std::abs(i - j) > o.kernel / 2) continue;
      sum += raw[j], most = std::max(most, raw[j]), count += 1;
    }
    out[i] = o.pooling == "max" ? most : sum / count;
  }
  return out;
}

// SnapKV: the latest `window` queries, up to the one at `now`, over `held`; `first` and `end` bound the candidates.
inline Row snap(const World& w, const Knobs& k, int64_t set, const List& held, size_t first, size_t end, int64_t now) {
  const List heads = headsOf(w, k, set);
  Row raw(held.size(), 0.0);
  for (int64_t at = std::max<int64_t>(0, now - k.o.window + 1); at <= now; ++at)
    for (const int64_t head : heads) {
      const Row row = attention(w, head, at, held);
      for (size_t i = 0; i < row.size(); ++i) raw[i] += row[i] / double(heads.size());
    }
  return pooled(Row(raw.begin() + first, raw.begin() + end), k.o);
}

// R-KV's redundancy of every key of a key-value head.
inline Row redundancy(const World& w, int64_t kv, const List& held) {
  const size_t n = held.size();
  std::vector<Row> alike(n, Row(n, 0.0));
  for (size_t i = 0; i < n; ++i) {
    int64_t last = -1;
    for (size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      double ij = 0, ii = 0, jj = 0;
      for (int64_t c = 0; c < w.dim; ++c) {
        const double a = w.key(kv, held[i])[c], b = w.key(kv, held[j])[c];
        ij += a * b, ii += a * a, jj += b * b;
      }
      alike[i][j] = ij / std::sqrt(ii) / std::sqrt(jj);
      if (alike[i][j] > 0.5) last = int64_t(j);
    }
    if (last >= 0) alike[i][last] = 0;
  }
  Row out(n, 0.0);
  double total = 0;
  for (size_t j = 0; j < n; ++j) {
    double mean = 0;
    for (size_t i = 0; i < n; ++i) mean += alike[i][j] / double(n);
    total += out[j] = std::exp(mean);
  }
  for (double& x : out) x /= total;
  return out;
}

inline Row rKv(const World& w, const Knobs& k, int64_t set, const List& held, size_t first, size_t end) {
  const int64_t group = w.heads / w.kvHeads, from = k.perLayer ? 0 : set, to = k.perLayer ? w.kvHeads : set + 1;
  Row raw(held.size(), 0.0), again(held.size(), 0.0);
  for (int64_t kv = from; kv < to; ++kv) {
    const int64_t rows = std::min(k.o.window, held.back() + 1);
    for (int64_t at = held.back() - rows + 1; at <= held.back(); ++at) {
      Row strongest(end, -INFINITY);
      double total = 0;
      for (size_t i = 0; i < end; ++i) {
        for (int64_t h = kv * group; h < (kv + 1) * group; ++h) {
          double product = 0;
          for (int64_t j = 0; j < w.dim; ++j) product += double(w.query(h, at)[j]) * w.key(kv, held[i])[j];
          strongest[i] = std::max(strongest[i], product / std::sqrt(double(w.dim)));
        }
        total += std::exp(strongest[i]);
      }
      for (size_t i = 0; i < end; ++i) raw[i] += std::exp(strongest[i]) / total / double(rows) / double(to - from);
    }
    const Row own = redundancy(w, kv, held);
    for (size_t i = 0; i < own.size(); ++i) again[i] += own[i] / double(to - from);
  }
  Row score = pooled(Row(raw.begin() + first, raw.begin() + end), k.o);
  for (size_t i = 0; i < score.size(); ++i) score[i] = k.o.lambda * score[i] - (1 - k.o.lambda) * again[first + i];
  return score;
}

inline double uniform(const pathpress::DrawKey& draw, int64_t position) {
  return (pathpress::priority(draw, true, int32_t(position)) + 0.5) / 0x1p53;
}

// What H2O, RaaS and LazyEviction remember of a token.
struct Memory {
  double mass = 0;
  int64_t stamp = 0, gap = 0;
};

// Follows a sequence row by row. `clear` falls for good once a row was too close to call.
struct Notebook {
  std::vector<std::map<int64_t, Memory>> sets;
  bool clear = true;

  void row(const World& w, const Knobs& k, int64_t set, int64_t at, const List& held) {
    const List heads = headsOf(w, k, set);
    Row mean(held.size(), 0.0);
    for (const int64_t h : heads) {
      const Row own = attention(w, h, at, held);
      for (size_t i = 0; i < own.size(); ++i) mean[i] += own[i] / double(heads.size());
    }
    auto& memory = sets[set];
    memory[at].stamp = at;
    for (size_t i = 0; i < held.size(); ++i) {
      Memory& m = memory[held[i]];
      m.mass += mean[i];
      if (k.o.name == "raas") {
        size_t above = 0;
        for (size_t j = 0; j < held.size(); ++j) {
          above += mean[j] > mean[i] || (mean[j] == mean[i] && j < i);
          clear &= i == j || std::abs(mean[i] - mean[j]) > 3e-7;
        }
        if (2 * above < held.size()) m.stamp = at;
      }
      if (k.o.name == "lazy-eviction") {
        clear &= std::abs(mean[i] - k.o.threshold) > 3e-7;
        if (mean[i] > k.o.threshold) m.gap = std::max(m.gap, at - m.stamp), m.stamp = at;
      }
    }
  }

  double score(const Knobs& k, int64_t set, int64_t position, int64_t now) const {
    const Memory& m = sets[set].at(position);
    if (k.o.name == "h2o") return m.mass;
    if (k.o.name == "raas") return double(m.stamp);
    const double since = double(now - m.stamp), recurrence = double(m.gap);
    const auto sigma = [](double x) { return 1 / (1 + std::exp(-x)); };
    const double due = m.gap == 0 ? (since == 0 ? 0.5 : 0.0) : sigma(-since / recurrence);
    return 2 * due + 2 * sigma(-recurrence - 1);
  }
};

struct Kept {
  List positions;
  bool clear = true;
};

// The `stay` best of the candidates held[first, end), the lower index on ties, between what stays in any case.
inline Kept best(const Row& score, const List& held, int64_t first, int64_t end, int64_t stay) {
  Kept kept{{held.begin(), held.begin() + first}};
  double least = INFINITY, most = -INFINITY;
  for (int64_t i = 0; i < end - first; ++i) {
    int64_t beaten = 0;
    for (int64_t j = 0; j < end - first; ++j) beaten += score[j] > score[i] || (score[j] == score[i] && j < i);
    if (beaten < stay) kept.positions.push_back(held[first + i]);
    (beaten < stay ? least : most) = beaten < stay ? std::min(least, score[i]) : std::max(most, score[i]);
  }
  if (std::isfinite(least) && std::isfinite(most))
    for (const double x : score)
      for (const double edge : {least, most})
        kept.clear &= x == edge || std::abs(x - edge) > 3e-6 * std::max({std::abs(x), std::abs(edge), 1e-3});
  kept.positions.insert(kept.positions.end(), held.begin() + end, held.end());
  return kept;
}

}  // namespace reference
