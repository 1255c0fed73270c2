// Attention over the pages of one key-value head (attention_task.h), written once over a vector type V as its scores are
// (simd_scores.h); V::mixedWide queries at most take four vectors of values at a time, more take two.
#pragma once

#include "simd_scores.h"

namespace pathpress {

// The largest score of each query; entries past a row's end and masked ones get none. A loop of its own: the additions of
// one query and the maxima of the next would wait for one another.
template <class V>
static inline void findTop(const AttentionTask& task, int q, int padded) {
  constexpr float lowest = -__builtin_inff();
  float* row = task.scores + q * pieceEntries;
  for (int e = entriesSeen(task, q / task.group); e < padded; ++e) row[e] = lowest;
  for (int e = 0; task.masks && e < entriesSeen(task, 0); ++e) {
    if (!((task.masks[e] >> (q % task.group)) & 1u)) row[e] = lowest;
  }
  auto tops = V::set(-__FLT_MAX__);  // finite, so that a piece of which nothing is seen weighs nothing
  for (int e = 0; e < padded; e += V::width) tops = V::maximum(tops, V::load(row + e));
  task.tops[q] = V::largest(tops);
}

// Turns scores into weights exp(score - top).
template <class V>
static inline void weigh(const AttentionTask& task, int q, int padded) {
  float* row = task.scores + q * pieceEntries;
  const auto top = V::set(task.tops[q]);
  auto total = V::zero();
  for (int e = 0; e < padded; e += V::width) {
    const auto weight = V::exp(V::subtract(V::load(row + e), top));
    V::store(row + e, weight);
    total = V::add(total, weight);
  }
  task.totals[q] = V::sum(total);
}

// J vectors of channels of an entry's values, `rest` channels where J is a part of one; or of two entries that are multiplied
// at once, of which there is one, `left`, where the second has no weight.
template <class V, class Element, class Number, int J>
[[gnu::always_inline]] static inline void loadValues(const typename Element::Storage* from, int dim, int left, int rest,
                                                     typename V::Vec (&value)[J]) {
  if constexpr (atOnce<Number> == 2) {
    for (int j = 0; j + 1 < J; j += 2) V::valuePairs(from + j * V::width, left < 2 ? 0 : dim, value[j], value[j + 1]);
    if constexpr (J == 1) value[0] = V::partPairs(from, left < 2 ? 0 : dim, rest);
  } else {
    for (int j = 0; j + 1 < J; j += 2) loadTwo<V>(from + j * V::width, value[j], value[j + 1]);
    if constexpr (J == 1) value[0] = rest < V::width ? V::loadPart(Element{}, from, rest) : V::load(Element{}, from);
  }
}

// Values of H queries with their weights (H, 256), J vectors of channels from `channel` on; `rest` channels where J is a part
// of one. Where asked, what is ahead of them is fetched.
template <class V, class Element, class Number, int H, int J, bool fetch>
static inline void mixTile(const AttentionTask& task, const Number* weights, int q, int entries, int channel, int rest) {
  typename V::Vec sums[H][J];
  for (int h = 0; h < H; ++h) {
    for (int j = 0; j < J; ++j) sums[h][j] = V::zero();
  }
  constexpr int step = atOnce<Number>, together = fetch ? step : step * V::stepsATurn;
  const Ahead<Element> ahead{task, (entriesSeen(task, task.rows - 1) + pageEntries - 1) / pageEntries};
  int half = ahead.pages;
  for (int begin = 0; begin < entries; begin += pageEntries) {
    const auto* values = pageData<Element>(task.pages[begin / pageEntries]) + pageEntries * task.dim + channel;
    const auto* soon = fetch ? ahead.soon(half) : nullptr;
    const auto* later = fetch ? ahead.later(half++) : nullptr;
    const int count = entries - begin < pageEntries ? entries - begin : pageEntries;
    const auto add = [&](int e) __attribute__((always_inline)) {
      typename V::Vec value[J];
      loadValues<V, Element, Number>(values + e * task.dim, task.dim, count - e, rest, value);
      for (int h = 0; h < H; ++h) {
        const auto weight = factor<V, step>(weights + h * pieceEntries + begin + e);  // 0 past what a row sees
        for (int j = 0; j < J; ++j) sums[h][j] = multiplyAdd<V, Number>(weight, value[j], sums[h][j]);
      }
    };
    int e = 0;
    for (; e + together <= count; e += together) {
      if (soon) fetchLines<Element>(soon + e * task.dim, step * task.dim);
      if (later) fetchLines<Element, V::farCache>(later + e * task.dim, step * task.dim);
#pragma GCC unroll 4
      for (int more = 0; more < together; more += step) add(e + more);
    }
    for (; e < count; e += step) add(e);
  }
  for (int h = 0; h < H; ++h) {
    float* to = task.sums + (q + h) * task.dim + channel;
    for (int j = 0; j + 1 < J; j += 2) {
      if constexpr (step == 2) V::sortPairs(sums[h][j], sums[h][j + 1]);
      step == 2 ? storeTwo<V, ElementF32>(to + j * V::width, sums[h][j], sums[h][j + 1])
                : storeTwo<V, Element>(to + j * V::width, sums[h][j], sums[h][j + 1]);
    }
    if constexpr (J == 1) rest < V::width ? V::storePart(to, sums[h][0], rest) : V::store(to, sums[h][0]);
  }
}

// Numbers as they are multiplied: in float32 those that bfloat16 can hold.
template <class V>
static inline void roundAll(const float* from, int count, float* to) {
  for (int i = 0; i < count; ++i) to[i] = roundTo(from[i], DType::bf16);
}
template <class V>
static inline void roundAll(const float* from, int count, uint16_t* to) {
  V::round(from, static_cast<size_t>(count), to);
}

template <class V, class Element, class Number, int H>
static inline void mixQueries(const AttentionTask& task, int q, int entries) {
  constexpr int W = V::width;
  alignas(64) Number rounded[H * pieceEntries];
  const auto* weights = static_cast<const Number*>(static_cast<const void*>(task.scores + q * pieceEntries));
  if (task.rounded) {
    const int padded = (entries + pageEntries - 1) / pageEntries * pageEntries;
    for (int h = 0; h < H; ++h) roundAll<V>(task.scores + (q + h) * pieceEntries, padded, rounded + h * pieceEntries);
    weights = rounded;
  }
  int channel = 0;
  const auto mix = [&]<int J>() {
    const int rest = task.dim - channel;
    if (q == 0 && channel == 0) mixTile<V, Element, Number, H, J, true>(task, weights, q, entries, channel, rest);
    else mixTile<V, Element, Number, H, J, false>(task, weights, q, entries, channel, rest);
    channel += J * W;
  };
  if constexpr (H <= V::mixedWide) {
    while (channel + 4 * W <= task.dim) mix.template operator()<4>();
  }
  while (channel + 2 * W <= task.dim) mix.template operator()<2>();
  while (channel < task.dim) mix.template operator()<1>();
}

// Keys and values are read from memory once for all queries; tiles find them in the caches.
template <class V, class Element, class Number = float>
static void attendPiece(const AttentionTask& task) {
  const int queries = task.rows * task.group, entries = entriesSeen(task, task.rows - 1);
  const int pages = (entries + pageEntries - 1) / pageEntries;
  const int tiles = (queries + V::headTile - 1) / V::headTile, even = (queries + tiles - 1) / tiles;
  const auto tileAt = [&](int q) { return queries - q < even ? queries - q : even; };
  const Ahead<Element> ahead{task, pages};
  const auto* query = static_cast<const Number*>(static_cast<const void*>(task.query));
  if (task.rounded) {  // they wait where the sums come when they are no longer needed
    auto* to = static_cast<Number*>(static_cast<void*>(task.sums));
    roundAll<V>(task.query, queries * task.dim, to);
    query = to;
  }
  for (int page = task.fetched; !task.near && page < pages; ++page) {
    fetchLines<Element>(pageData<Element>(task.pages[page]), 2 * ahead.elements());
  }
  for (int block = 0; block < pages; block += blockPages) {
    const int end = pages - block < blockPages ? pages : block + blockPages;
    for (int q = 0; q < queries; q += even) {
      withCount<V::headTile>(tileAt(q), [&]<int H>() {
        constexpr int P = pagesTogether<V, H>();
        const auto tile = [&]<int count>(int page) {
          const typename Element::Storage *soon[count], *later[count];
          for (int p = 0; p < count; ++p) soon[p] = ahead.soon(page + p), later[p] = ahead.later(page + p);
          scoreTile<V, Element, H, count>(task.pages + page, query + q * task.dim, task.dim, task.scale,
                                          task.scores + q * pieceEntries + page * pageEntries, pieceEntries,
                                          q == 0 ? soon : nullptr, later);
        };
        int page = block;
        for (; page + P <= end; page += P) tile.template operator()<P>(page);
        if (page < end) withCount<P>(end - page, [&]<int rest>() { tile.template operator()<rest>(page); });
      });
    }
  }
  for (int q = 0; q < queries; ++q) findTop<V>(task, q, pages * pageEntries);
  for (int q = 0; q < queries; ++q) weigh<V>(task, q, pages * pageEntries);
  for (int q = 0; q < queries; q += even) {
    const int seen = entriesSeen(task, (q + tileAt(q) - 1) / task.group);
    withCount<V::headTile>(tileAt(q), [&]<int H>() { mixQueries<V, Element, Number, H>(task, q, seen); });
  }
  for (int n = 2 * pages; n < ahead.halves; ++n) fetchLines<Element, V::farCache>(ahead.later(n), ahead.elements());
}

template <class V>
static void simdAttend(const AttentionTask& task) {
  task.type == DType::bf16 ? attendPiece<V, ElementBf16>(task) : attendPiece<V, ElementF32>(task);
}

// The mean over the group of the softmax of every entry; `shares` (pieces): what a piece's weights of one head count.
template <class V>
static inline void addWeights(const AttentionJoin& join, int head, int piece, float share) {
  const int begin = piece * pieceEntries;
  const int left = (join.entries - begin + pageEntries - 1) / pageEntries * pageEntries;
  const float* from = join.scores + (piece * join.group + head) * pieceEntries;
  for (int e = 0; e < left && e < pieceEntries; e += V::width) {
    const auto own = V::multiply(V::set(share), V::load(from + e));
    float* to = join.weights + begin + e;
    V::store(to, head ? V::add(V::load(to), own) : own);
  }
}

template <class V>
static void simdJoin(const AttentionJoin& join) {
  const int pieces = (join.entries + pieceEntries - 1) / pieceEntries;
  for (int h = 0; h < join.group; ++h) {
    float top = -__builtin_inff(), total = 0;
    for (int p = 0; p < pieces; ++p) {
      const float own = join.tops[p * join.stride + h];
      if (own > top || own != own) top = own;
    }
    const auto share = [&](int p) { return __builtin_expf(join.tops[p * join.stride + h] - top); };
    for (int p = 0; p < pieces; ++p) total += share(p) * join.totals[p * join.stride + h];
    float* out = join.out + h * join.dim;
    for (int p = 0; p < pieces; ++p) {
      const float* sums = join.sums + (p * join.stride + h) * join.dim;
      const auto part = V::set(share(p) / total);
      int i = 0;
      for (; i + V::width <= join.dim; i += V::width) {
        const auto before = p ? V::load(out + i) : V::zero();
        V::store(out + i, V::fma(part, V::load(sums + i), before));
      }
      for (const int rest = join.dim - i; i < join.dim; i += V::width) {
        const auto before = p ? V::loadPart(ElementF32{}, out + i, rest) : V::zero();
        V::storePart(out + i, V::fma(part, V::loadPart(ElementF32{}, sums + i, rest), before), rest);
      }
      if (join.weights) addWeights<V>(join, h, p, share(p) / (total * static_cast<float>(join.group)));
    }
  }
}

}  // namespace pathpress
