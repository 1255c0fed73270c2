// Attention over the pages of one key-value head (attention_task.h), written once over a vector type V (simd_kernels.h), which
// also says what its registers and its instructions are best used for: V::headTile queries in a tile at most; V::tileSums
// vectors of scores, where a tile takes more than one page; V::mixedWide queries at most that take four vectors of values at
// a time, more take two; and V::stepsATurn dimensions of keys, or entries of values, that a turn of a loop adds.
#pragma once

#include "simd_kernels.h"

namespace pathpress {

// Scored with every query while their keys are in the first cache: a page is often 4 KiB, so that the same line of each
// falls into one set, and more than a few would drive one another out.
constexpr int blockPages = 4;

template <class Element>
static inline const typename Element::Storage* pageData(const std::byte* page) {
  return static_cast<const typename Element::Storage*>(static_cast<const void*>(page));
}

template <class Element>
static constexpr int elementsALine() { return 64 / static_cast<int>(sizeof(typename Element::Storage)); }

// Entries of the piece that a row sees.
static inline int entriesSeen(const AttentionTask& task, int row) {
  const int seen = task.entries + row;
  return seen < 0 ? 0 : seen > pieceEntries ? pieceEntries : seen;
}

// Calls tile<N>() with N = count, which is at most `most`.
template <int most, class Tile>
static inline void withCount(int count, const Tile& tile) {
  if (count == most) return tile.template operator()<most>();
  if constexpr (most > 1) withCount<most - 1>(count, tile);
}

// Pages that a tile of H queries scores together: what the registers hold.
template <class V, int H>
static constexpr int pagesTogether() {
  int pages = blockPages;
  while (pages > 1 && H * pages * (pageEntries / V::width) > V::tileSums) pages /= 2;
  return pages;
}

constexpr int nearHalves = 4;  // of pages: enough for the way from a processor's caches, and few enough to stay in the first

// What is fetched beside the n-th half of a page that is read: the keys of all the piece's pages are, then their values.
// Into the first cache what is read soon: else reading would wait where the second's answers queue behind memory's. From
// memory, if the pages are there, the piece that comes next, in the order of its addresses: evenly, and in long runs.
template <class Element>
struct Ahead {
  using Storage = typename Element::Storage;
  const AttentionTask& task;
  int pages;  // of the piece
  int elements() const { return task.dim * pageEntries; }
  int beyond() const { return task.near ? 0 : 2 * task.nextPages; }  // halves to fetch in all, however few are read

  // Itself where nothing follows.
  const Storage* soon(int n) const {
    const int then = n + nearHalves;
    if (then < 2 * pages) return at(task.pages[then % pages], then / pages);
    if (then - 2 * pages < task.nextPages) return at(task.next[then - 2 * pages], 0);
    return at(task.pages[n % pages], n / pages);
  }
  const Storage* later(int n) const { return n < beyond() ? at(task.next[n / 2], n % 2) : nullptr; }

 private:
  const Storage* at(const std::byte* page, int half) const { return pageData<Element>(page) + half * elements(); }
};

// Fetches `elements` from `from` on.
template <class Element>
static inline void fetchLines(const typename Element::Storage* from, int elements) {
  for (int i = 0; i < elements; i += elementsALine<Element>()) __builtin_prefetch(from + i, 0, 3);
}

// Two vectors of neighbouring elements, in the order that is quickest; storeTwo() knows it.
template <class V>
static inline void loadTwo(const float* from, typename V::Vec& a, typename V::Vec& b) {
  a = V::load(from), b = V::load(from + V::width);
}
template <class V>
static inline void loadTwo(const uint16_t* from, typename V::Vec& even, typename V::Vec& odd) {
  even = V::even(from), odd = V::odd(from);
}
template <class V, class Element>
static inline void storeTwo(float* to, typename V::Vec a, typename V::Vec b) {
  if constexpr (sizeof(typename Element::Storage) == 2) V::zip(a, b);
  V::store(to, a), V::store(to + V::width, b);
}

// Sixteen keys of a dimension: a vector alone, or two by two as loadTwo() has them.
template <class V, class Element, int vectors>
[[gnu::always_inline]] static inline void loadKeys(const typename Element::Storage* from, typename V::Vec (&key)[vectors]) {
  if constexpr (vectors == 1) key[0] = V::load(Element{}, from);
  else for (int v = 0; v < vectors; v += 2) loadTwo<V>(from + v * V::width, key[v], key[v + 1]);
}

// What dimension i adds to the scores (H, P, vectors); the fewer operands stay in registers, the others pass by.
template <class V, class Element, int H, int P, int vectors>
[[gnu::always_inline]] static inline void addDimension(const typename Element::Storage* const (&keys)[P],
                                                       const float* query, int dim, int i,
                                                       typename V::Vec (&sums)[H][P][vectors]) {
  if constexpr (P * vectors < H) {
    typename V::Vec key[P][vectors];
    for (int p = 0; p < P; ++p) loadKeys<V, Element>(keys[p] + i * pageEntries, key[p]);
    for (int h = 0; h < H; ++h) {
      const auto x = V::set(query[h * dim + i]);
      for (int p = 0; p < P; ++p) {
        for (int v = 0; v < vectors; ++v) sums[h][p][v] = V::fma(x, key[p][v], sums[h][p][v]);
      }
    }
  } else {
    typename V::Vec x[H], key[vectors];
    for (int h = 0; h < H; ++h) x[h] = V::set(query[h * dim + i]);
    for (int p = 0; p < P; ++p) {
      loadKeys<V, Element>(keys[p] + i * pageEntries, key);
      for (int v = 0; v < vectors; ++v) {
        for (int h = 0; h < H; ++h) sums[h][p][v] = V::fma(x[h], key[v], sums[h][p][v]);
      }
    }
  }
}

// Scores of H queries (H, dim) against P pages: sums over the dimensions in order, sixteen entries side by side. Beside
// page p what `soon[p]` points to is fetched, and beside them all the P halves of `later`; null for none.
template <class V, class Element, int H, int P>
static inline void scoreTile(const std::byte* const* pages, const float* query, int dim, float scale, float* scores,
                             size_t stride, const typename Element::Storage* const* soon,
                             const typename Element::Storage* const* later) {
  constexpr int vectors = pageEntries / V::width, line = elementsALine<Element>(), dimsALine = line / pageEntries;
  typename V::Vec sums[H][P][vectors];
  for (int h = 0; h < H; ++h) {
    for (int p = 0; p < P; ++p) {
      for (int v = 0; v < vectors; ++v) sums[h][p][v] = V::zero();
    }
  }
  const typename Element::Storage *keys[P], *then = nullptr;
  for (int p = 0; p < P; ++p) keys[p] = pageData<Element>(pages[p]);
  const int turns = (dim + dimsALine * P - 1) / (dimsALine * P);  // that a half of `later` takes, P lines each
  int left = 0;
  const auto fetch = [&](int i) __attribute__((always_inline)) {
    if (left-- == 0) then = *later++, left = turns - 1;
    for (int p = 0; p < P; ++p) {
      __builtin_prefetch(soon[p] + i * pageEntries, 0, 3);
      if (then) __builtin_prefetch(then + p * line, 0, 3);
    }
    if (then) then += P * line;
  };
  constexpr int together = V::stepsATurn;
  static_assert(together == 1 || together % dimsALine == 0);
  int i = 0;
  for (; together > 1 && i + together <= dim; i += together) {
    for (int begin = 0; soon && begin < together; begin += dimsALine) fetch(i + begin);
#pragma GCC unroll 4
    for (int more = 0; more < together; ++more) addDimension<V, Element>(keys, query, dim, i + more, sums);
  }
  for (; i < dim; ++i) {
    if (soon && i % dimsALine == 0) fetch(i);
    addDimension<V, Element>(keys, query, dim, i, sums);
  }
  for (int h = 0; h < H; ++h) {
    for (int p = 0; p < P; ++p) {
      float* to = scores + static_cast<size_t>(h) * stride + p * pageEntries;
      const auto scaled = [&](int v) { return V::multiply(V::set(scale), sums[h][p][v]); };
      if constexpr (vectors == 1) V::store(to, scaled(0));
      else for (int v = 0; v < vectors; v += 2) storeTwo<V, Element>(to + v * V::width, scaled(v), scaled(v + 1));
    }
  }
}

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

// Weighted values of H queries, J vectors of channels from `channel` on; `rest` channels where J is a part of one. Where
// asked, what is ahead of them is fetched.
template <class V, class Element, int H, int J, bool fetch>
static inline void mixTile(const AttentionTask& task, int q, int entries, int channel, int rest) {
  typename V::Vec sums[H][J];
  for (int h = 0; h < H; ++h) {
    for (int j = 0; j < J; ++j) sums[h][j] = V::zero();
  }
  const float* weights = task.scores + q * pieceEntries;
  const Ahead<Element> ahead{task, (entriesSeen(task, task.rows - 1) + pageEntries - 1) / pageEntries};
  int half = ahead.pages;
  for (int begin = 0; begin < entries; begin += pageEntries) {
    const auto* values = pageData<Element>(task.pages[begin / pageEntries]) + pageEntries * task.dim + channel;
    const auto* soon = fetch ? ahead.soon(half) : nullptr;
    const auto* later = fetch ? ahead.later(half++) : nullptr;
    const int count = entries - begin < pageEntries ? entries - begin : pageEntries;
    const auto add = [&](int e) __attribute__((always_inline)) {
      typename V::Vec value[J];
      const auto* from = values + e * task.dim;
      for (int j = 0; j + 1 < J; j += 2) loadTwo<V>(from + j * V::width, value[j], value[j + 1]);
      if constexpr (J == 1) value[0] = rest < V::width ? V::loadPart(Element{}, from, rest) : V::load(Element{}, from);
      for (int h = 0; h < H; ++h) {
        const auto weight = V::set(weights[h * pieceEntries + begin + e]);
        for (int j = 0; j < J; ++j) sums[h][j] = V::fma(weight, value[j], sums[h][j]);
      }
    };
    int e = 0;
    for (constexpr int together = fetch ? 1 : V::stepsATurn; e + together <= count; e += together) {
      if (soon) fetchLines<Element>(soon + e * task.dim, task.dim);
      if (later) fetchLines<Element>(later + e * task.dim, task.dim);
#pragma GCC unroll 4
      for (int more = 0; more < together; ++more) add(e + more);
    }
    for (; e < count; ++e) add(e);
  }
  for (int h = 0; h < H; ++h) {
    float* to = task.sums + (q + h) * task.dim + channel;
    for (int j = 0; j + 1 < J; j += 2) storeTwo<V, Element>(to + j * V::width, sums[h][j], sums[h][j + 1]);
    if constexpr (J == 1) rest < V::width ? V::storePart(to, sums[h][0], rest) : V::store(to, sums[h][0]);
  }
}

template <class V, class Element, int H>
static inline void mixQueries(const AttentionTask& task, int q, int entries) {
  constexpr int W = V::width;
  int channel = 0;
  const auto mix = [&]<int J>() {
    if (q == 0 && channel == 0) mixTile<V, Element, H, J, true>(task, q, entries, channel, task.dim - channel);
    else mixTile<V, Element, H, J, false>(task, q, entries, channel, task.dim - channel);
    channel += J * W;
  };
  if constexpr (H <= V::mixedWide) {
    while (channel + 4 * W <= task.dim) mix.template operator()<4>();
  }
  while (channel + 2 * W <= task.dim) mix.template operator()<2>();
  while (channel < task.dim) mix.template operator()<1>();
}

// Keys and values are read from memory once for all queries; tiles find them in the caches.
template <class V, class Element>
static void attendPiece(const AttentionTask& task) {
  const int queries = task.rows * task.group, entries = entriesSeen(task, task.rows - 1);
  const int pages = (entries + pageEntries - 1) / pageEntries;
  const int tiles = (queries + V::headTile - 1) / V::headTile, even = (queries + tiles - 1) / tiles;
  const auto tileAt = [&](int q) { return queries - q < even ? queries - q : even; };
  const Ahead<Element> ahead{task, pages};
  for (int page = 0; task.cold && !task.near && page < pages; ++page) {
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
          scoreTile<V, Element, H, count>(task.pages + page, task.query + q * task.dim, task.dim, task.scale,
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
    withCount<V::headTile>(tileAt(q), [&]<int H>() { mixQueries<V, Element, H>(task, q, seen); });
  }
  for (int n = 2 * pages; n < ahead.beyond(); ++n) fetchLines<Element>(ahead.later(n), ahead.elements());
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
