// Scores of queries against pages of keys, and what is fetched beside them, written once over a vector type V
// (simd_kernels.h), which also says what its registers and its instructions are best used for: V::headTile queries in a tile
// at most; V::tileSums vectors of scores, where a tile takes more than one page; V::stepsATurn dimensions of keys, or
// entries of values (simd_attention.h), that a turn of a loop adds; and V::farCache, into which what is read a piece later is
// fetched.
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

// Pages that a tile of H queries scores together: what the registers hold.
template <class V, int H>
static constexpr int pagesTogether() {
  int pages = blockPages;
  while (pages > 1 && H * pages * (pageEntries / V::width) > V::tileSums) pages /= 2;
  return pages;
}

// What the processor multiplies at once of two numbers that lie one after the other, a query's dimensions or the weights of
// two entries: of float32 one, of those rounded to bfloat16 both, whose products one instruction adds up.
template <class Number>
static constexpr int atOnce = sizeof(Number) == 2 ? 2 : 1;

// `count` numbers from `from` on, for every lane.
template <class V, int count>
[[gnu::always_inline]] static inline auto factor(const float* from) { return V::set(*from); }
template <class V, int count>
[[gnu::always_inline]] static inline auto factor(const uint16_t* from) { return V::template pair<count>(from); }

template <class V, class Number>
[[gnu::always_inline]] static inline typename V::Vec multiplyAdd(typename V::Vec a, typename V::Vec b, typename V::Vec sum) {
  if constexpr (atOnce<Number> == 2) return V::dot(a, b, sum);
  else return V::fma(a, b, sum);
}

constexpr int nearHalves = 4;  // of pages: enough for the way from a processor's caches, and few enough to stay in the first

// What is fetched beside the n-th half of a page that is read: the keys of all the piece's pages are, then their values.
// Into the first cache what is read soon: else reading would wait where the second's answers queue behind memory's. From
// memory the pages that lie a piece ahead, in the order of their addresses: evenly, and in long runs.
template <class Element>
struct Ahead {
  using Storage = typename Element::Storage;
  const AttentionTask& task;
  int pages;  // of the piece
  const int before = task.fetched > pages ? 2 * (task.fetched - pages) : 0;  // halves after them that need not be fetched
  const int halves = 2 * fetchedAhead(task) - before;                        // that are to be

  int elements() const { return task.dim * pageEntries; }

  // Itself where nothing follows.
  const Storage* soon(int n) const {
    const int then = n + nearHalves, after = then - 2 * pages;
    if (after < 0) return at(task.pages[then % pages], then / pages);
    if (after < task.nextPages + task.thenPages) return at(pageAfter(after), 0);
    return at(task.pages[n % pages], n / pages);
  }
  const Storage* later(int n) const {
    return n < halves ? at(pageAfter((before + n) / 2), (before + n) % 2) : nullptr;
  }

 private:
  const std::byte* pageAfter(int i) const { return i < task.nextPages ? task.next[i] : task.then[i - task.nextPages]; }
  const Storage* at(const std::byte* page, int half) const { return pageData<Element>(page) + half * elements(); }
};

// Fetches `elements` from `from` on.
template <class Element, int cache = firstCache>
static inline void fetchLines(const typename Element::Storage* from, int elements) {
  for (int i = 0; i < elements; i += elementsALine<Element>()) __builtin_prefetch(from + i, 0, cache);
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

// Sixteen keys of a dimension, or of `count` where two are multiplied at once: a vector alone, or two by two as loadTwo()
// has them.
template <class V, class Element, class Number, int count, int vectors>
[[gnu::always_inline]] static inline void loadKeys(const typename Element::Storage* from, typename V::Vec (&key)[vectors]) {
  if constexpr (atOnce<Number> == 2) key[0] = V::template keyPairs<count>(from);
  else if constexpr (vectors == 1) key[0] = V::load(Element{}, from);
  else for (int v = 0; v < vectors; v += 2) loadTwo<V>(from + v * V::width, key[v], key[v + 1]);
}

// What `count` dimensions from i on, multiplied at once, add to the scores (H, P, vectors); the fewer operands stay in
// registers, the others pass by.
template <class V, class Element, int count, class Number, int H, int P, int vectors>
[[gnu::always_inline]] static inline void addDimensions(const typename Element::Storage* const (&keys)[P],
                                                       const Number* query, int dim, int i,
                                                       typename V::Vec (&sums)[H][P][vectors]) {
  if constexpr (P * vectors < H) {
    typename V::Vec key[P][vectors];
    for (int p = 0; p < P; ++p) loadKeys<V, Element, Number, count>(keys[p] + i * pageEntries, key[p]);
    for (int h = 0; h < H; ++h) {
      const auto x = factor<V, count>(query + h * dim + i);
      for (int p = 0; p < P; ++p) {
        for (int v = 0; v < vectors; ++v) sums[h][p][v] = multiplyAdd<V, Number>(x, key[p][v], sums[h][p][v]);
      }
    }
  } else {
    typename V::Vec x[H], key[vectors];
    for (int h = 0; h < H; ++h) x[h] = factor<V, count>(query + h * dim + i);
    for (int p = 0; p < P; ++p) {
      loadKeys<V, Element, Number, count>(keys[p] + i * pageEntries, key);
      for (int v = 0; v < vectors; ++v) {
        for (int h = 0; h < H; ++h) sums[h][p][v] = multiplyAdd<V, Number>(x[h], key[v], sums[h][p][v]);
      }
    }
  }
}

// Scores of H queries (H, dim) against P pages: sums over the dimensions in order, sixteen entries side by side. Beside
// page p what `soon[p]` points to is fetched, and beside them all the P halves of `later`; null for none.
template <class V, class Element, int H, int P, class Number>
static inline void scoreTile(const std::byte* const* pages, const Number* query, int dim, float scale, float* scores,
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
      __builtin_prefetch(soon[p] + i * pageEntries, 0, firstCache);
      if (then) __builtin_prefetch(then + p * line, 0, V::farCache);
    }
    if (then) then += P * line;
  };
  constexpr int step = atOnce<Number>, together = step * V::stepsATurn;
  static_assert(together <= step || together % dimsALine == 0);
  int i = 0;
  for (; together > step && i + together <= dim; i += together) {
    for (int begin = 0; soon && begin < together; begin += dimsALine) fetch(i + begin);
#pragma GCC unroll 4
    for (int more = 0; more < together; more += step) addDimensions<V, Element, step>(keys, query, dim, i + more, sums);
  }
  for (; i + step <= dim; i += step) {
    if (soon && i % dimsALine == 0) fetch(i);
    addDimensions<V, Element, step>(keys, query, dim, i, sums);
  }
  if (step > 1 && i < dim) addDimensions<V, Element, 1>(keys, query, dim, i, sums);
  for (int h = 0; h < H; ++h) {
    for (int p = 0; p < P; ++p) {
      float* to = scores + static_cast<size_t>(h) * stride + p * pageEntries;
      const auto scaled = [&](int v) { return V::multiply(V::set(scale), sums[h][p][v]); };
      if constexpr (vectors == 1) V::store(to, scaled(0));
      else for (int v = 0; v < vectors; v += 2) storeTwo<V, Element>(to + v * V::width, scaled(v), scaled(v + 1));
    }
  }
}

}  // namespace pathpress
