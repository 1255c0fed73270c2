// Products of weights and tokens, written once over P, which says what a step of the sum is: P::Weight and P::Input as they
// are stored, P::together columns that a panel holds together (matrix.h), taken in P::steps. Everything is static, as in
// simd_kernels.h.
//
// One accumulator an output element, which takes the columns in ascending order, in every tile: that is what makes an
// element's bits depend on its row and its input alone.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "simd_kernels.h"

namespace pathpress {

// A float32 product over vector type V.
template <class V, class Element>
struct Float32Product {
  using Lanes = V;
  using Vec = typename V::Vec;
  using Weight = typename Element::Storage;
  using Input = float;
  static constexpr int together = std::is_same_v<Element, ElementBf16> ? 2 : 1, steps = together;
  // The v-th vector of the panel's rows of column `step`.
  template <int step>
  static Vec weight(const Weight* from, int v) {
    if constexpr (together == 1) return V::load(Element{}, from + v * V::width);
    else return step ? V::odd(from + 2 * v * V::width) : V::even(from + 2 * v * V::width);
  }
  template <int step>
  static Vec input(const Input* from, int) { return V::set(from[step]); }
  static Vec accumulate(Vec sum, Vec weight, Vec input) { return V::fma(weight, input, sum); }
};

// What one step adds to the sums (tokens, vectors); the fewer operands stay in registers, the others pass by.
template <class P, int step, int T, int N>
[[gnu::always_inline]] static inline void addStep(const typename P::Weight* panel, const typename P::Input* input,
                                                  size_t cols, int columns, typename P::Vec (&sums)[T][N]) {
  using Vec = typename P::Vec;
  if constexpr (N < T) {
    Vec w[N];
    for (int v = 0; v < N; ++v) w[v] = P::template weight<step>(panel, v);
    for (int t = 0; t < T; ++t) {
      const Vec x = P::template input<step>(input + static_cast<size_t>(t) * cols, columns);
      for (int v = 0; v < N; ++v) sums[t][v] = P::accumulate(sums[t][v], w[v], x);
    }
  } else {
    Vec x[T];
    for (int t = 0; t < T; ++t) x[t] = P::template input<step>(input + static_cast<size_t>(t) * cols, columns);
    for (int v = 0; v < N; ++v) {
      const Vec w = P::template weight<step>(panel, v);
      for (int t = 0; t < T; ++t) sums[t][v] = P::accumulate(sums[t][v], w, x[t]);
    }
  }
}

// T tokens and the first `rows` rows of a panel. Where asked, the memory that lies ahead is fetched: panels follow one
// another, and so do a thread's.
template <class P, int T>
static inline void productTile(const typename P::Weight* panel, const typename P::Input* input, size_t cols, int rows,
                               float* out, size_t stride, bool fetch) {
  using V = typename P::Lanes;
  constexpr int N = panelRows / V::width;
  constexpr size_t ahead = 4096, group = static_cast<size_t>(P::together) * panelRows;  // bytes; elements
  typename P::Vec sums[T][N];
  for (int t = 0; t < T; ++t) {
    for (int v = 0; v < N; ++v) sums[t][v] = V::zero();
  }
  size_t k = 0;
  for (; k + P::together <= cols; k += P::together, panel += group) {
    if (fetch) {
      const char* at = static_cast<const char*>(static_cast<const void*>(panel)) + ahead;
      for (size_t line = 0; line < group * sizeof(*panel); line += 64) __builtin_prefetch(at + line);
    }
    addStep<P, 0, T, N>(panel, input + k, cols, P::together, sums);
    if constexpr (P::steps == 2) addStep<P, 1, T, N>(panel, input + k, cols, P::together, sums);
  }
  if (k < cols) addStep<P, 0, T, N>(panel, input + k, cols, 1, sums);
  for (int t = 0; t < T; ++t) {
    for (int v = 0; v < N; ++v) {
      const int left = rows - v * V::width;
      float* to = out + static_cast<size_t>(t) * stride + v * V::width;
      if (left >= V::width) V::store(to, sums[t][v]);
      else if (left > 0) V::storePart(to, sums[t][v], left);
    }
  }
}

// Calls tile<T>() with T = tokens, which is at most `most`.
template <int most, class Tile>
[[gnu::always_inline]] static inline void withTokens(int tokens, const Tile& tile) {
  if (tokens == most) return tile.template operator()<most>();
  if constexpr (most > 1) withTokens<most - 1>(tokens, tile);
}

// Rows [begin, end) and every token; of a packed matrix from a panel's first row on. Tokens are taken so many at a time
// that their inputs stay in the second-level cache while the panels pass by, and in tiles of like size: one of few tokens
// has too few sums to fill the multipliers' pipelines.
template <class P>
static void productOf(const Matrix& weight, int begin, int end, const typename P::Input* input, int tokens, float* out,
                      size_t stride) {
  constexpr size_t inputBytes = 384 << 10;
  constexpr int T = P::Lanes::tokenTile;
  const auto cols = static_cast<size_t>(weight.cols);
  const int fitting = static_cast<int>(std::min<size_t>(inputBytes / (cols * sizeof(typename P::Input)), 1 << 20));
  const int chunk = std::max(4 * T, fitting / T * T);
  std::vector<std::byte> packed(weight.packed ? 0 : packedBytes(weight.type, 1, weight.cols));
  for (int first = 0; first < tokens; first += chunk) {
    const int last = std::min(tokens, first + chunk);
    for (int r = begin; r < end; r += panelRows) {
      if (!weight.packed) packPanel(weight, r, packed.data());
      const void* at = weight.packed ? weight.rowsFrom(r, 1).data : packed.data();
      const auto* panel = static_cast<const typename P::Weight*>(at);
      for (int t = first, tiles = (last - first + T - 1) / T; t < last; --tiles) {
        const int together = (last - t + tiles - 1) / tiles;
        withTokens<T>(together, [&]<int count>() __attribute__((always_inline)) {
          productTile<P, count>(panel, input + static_cast<size_t>(t) * cols, cols, std::min(panelRows, end - r),
                                out + static_cast<size_t>(t) * stride + r, stride, t == first);
        });
        t += together;
      }
    }
  }
}

// Sums of whole numbers times inputs, times each row's scale.
static inline void scaleRows(const Matrix& weight, int begin, int end, int tokens, float* out, size_t stride) {
  for (int t = 0; t < tokens; ++t, out += stride) {
    for (int r = begin; r < end; ++r) out[r] *= weight.scales[r];
  }
}

template <class V>
static void simdMatmul(const Matrix& weight, int begin, int end, const float* input, int tokens, float* out,
                       size_t stride) {
  switch (weight.type) {
    case DType::f32: return productOf<Float32Product<V, ElementF32>>(weight, begin, end, input, tokens, out, stride);
    case DType::f16: return productOf<Float32Product<V, ElementF16>>(weight, begin, end, input, tokens, out, stride);
    case DType::bf16: return productOf<Float32Product<V, ElementBf16>>(weight, begin, end, input, tokens, out, stride);
    case DType::i8:
      productOf<Float32Product<V, ElementI8>>(weight, begin, end, input, tokens, out, stride);
      return scaleRows(weight, begin, end, tokens, out, stride);
  }
}

}  // namespace pathpress
