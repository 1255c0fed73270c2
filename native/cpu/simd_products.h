// Products of weights and tokens, written once over P, which says what a step of the sum is: P::Weight and P::Input as they
// are stored, P::widened where a weight is not multiplied as it is stored, P::together columns that a panel holds together
// (matrix.h), taken in P::steps; and of P::Lanes the most tokens of a tile, the vectors of rows in one of so many tokens, the
// groups of columns that a turn of its loop takes, and the bytes of inputs that stay in the second cache beside the
// panels. Everything is static, as in simd_kernels.h.
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
  static constexpr bool widened = !std::is_same_v<Element, ElementF32>;
  // The v-th vector of the panel's rows of column `step`.
  template <int step>
  static Vec weight(const Weight* from, int v) {
    if constexpr (together == 1) return V::load(Element{}, from + v * V::width);
    else if constexpr (step == 0) return V::even(from + 2 * v * V::width);
    else return V::odd(from + 2 * v * V::width);
  }
  template <int step>
  static Vec input(const Input* from, int) { return V::set(from[step]); }
  static Vec accumulate(Vec sum, Vec weight, Vec input) { return V::fma(weight, input, sum); }
};

// What one step adds to the sums (tokens, vectors); the fewer operands stay in registers, the others pass by.
template <class P, int step, int T, int N>
[[gnu::always_inline]] static inline void addStep(const typename P::Weight* panel, const typename P::Input* input,
                                                  size_t inputStride, int columns, typename P::Vec (&sums)[T][N]) {
  using Vec = typename P::Vec;
  if constexpr (N < T) {
    Vec w[N];
    for (int v = 0; v < N; ++v) w[v] = P::template weight<step>(panel, v);
    for (int t = 0; t < T; ++t) {
      const Vec x = P::template input<step>(input + static_cast<size_t>(t) * inputStride, columns);
      for (int v = 0; v < N; ++v) sums[t][v] = P::accumulate(sums[t][v], w[v], x);
    }
  } else {
    Vec x[T];
    for (int t = 0; t < T; ++t) x[t] = P::template input<step>(input + static_cast<size_t>(t) * inputStride, columns);
    for (int v = 0; v < N; ++v) {
      const Vec w = P::template weight<step>(panel, v);
      for (int t = 0; t < T; ++t) sums[t][v] = P::accumulate(sums[t][v], w, x[t]);
    }
  }
}

// What a group of columns adds, or what is there of the last.
template <class P, int T, int N>
[[gnu::always_inline]] static inline void addGroup(const typename P::Weight* panel, const typename P::Input* input,
                                                   size_t inputStride, typename P::Vec (&sums)[T][N]) {
  addStep<P, 0, T, N>(panel, input, inputStride, P::together, sums);
  if constexpr (P::steps == 2) addStep<P, 1, T, N>(panel, input, inputStride, P::together, sums);
}

// What a tile fetches while it passes over its panel: as much as a turn reads, every so many turns, from `from` on; into
// V::farCache where the first cache would not hold it until it is read.
struct PanelAhead {
  const std::byte* from;
  int every;
  bool far;
};

// T tokens and N vectors of a panel's rows, the first of which is `first`; of those rows that are below `rows`.
template <class P, int T, int N>
[[gnu::always_inline]] static inline void productTile(const typename P::Weight* panel, const typename P::Input* input,
                                                      size_t inputStride, size_t cols, int first, int rows, float* out,
                                                      size_t stride, PanelAhead ahead) {
  using V = typename P::Lanes;
  constexpr int groups = P::Lanes::groupsATurn(T, P::together);
  constexpr size_t group = static_cast<size_t>(P::together) * panelRows, bytes = groups * group * sizeof(*panel);
  panel += first * P::together;
  typename P::Vec sums[T][N];
  for (int t = 0; t < T; ++t) {
    for (int v = 0; v < N; ++v) sums[t][v] = V::zero();
  }
  size_t k = 0;
  for (int left = 0; k + groups * P::together <= cols; k += groups * P::together, panel += groups * group) {
    if (left-- == 0) {
      for (size_t line = 0; line < bytes; line += 64) {
        if (ahead.far) __builtin_prefetch(ahead.from + line, 0, V::farCache);
        else __builtin_prefetch(ahead.from + line, 0, firstCache);
      }
      ahead.from += bytes, left = ahead.every - 1;
    }
#pragma GCC unroll 4
    for (int i = 0; i < groups; ++i) addGroup<P, T, N>(panel + i * group, input + k + i * P::together, inputStride, sums);
  }
  for (; groups > 1 && k + P::together <= cols; k += P::together, panel += group) {
    addGroup<P, T, N>(panel, input + k, inputStride, sums);
  }
  if (k < cols) addStep<P, 0, T, N>(panel, input + k, inputStride, 1, sums);
  for (int t = 0; t < T; ++t) {
    for (int v = 0; v < N; ++v) {
      const int left = rows - first - v * V::width;
      float* to = out + static_cast<size_t>(t) * stride + first + v * V::width;
      if (left >= V::width) V::store(to, sums[t][v]);
      else if (left > 0) V::storePart(to, sums[t][v], left);
    }
  }
}

// As productTile() in a function of its own, whose loop has all registers: for tiles of most sums.
template <class P, int T, int N>
[[gnu::noinline]] static void productTileApart(const typename P::Weight* panel, const typename P::Input* input,
                                               size_t inputStride, size_t cols, int first, int rows, float* out,
                                               size_t stride, PanelAhead ahead) {
  productTile<P, T, N>(panel, input, inputStride, cols, first, rows, out, stride, ahead);
}

// Rows [begin, end) and every token; of a packed matrix from a panel's first row on. Tokens are taken so many at a time
// that their inputs stay in the second-level cache while the panels pass by, and in tiles of like size: one of few tokens
// has too few sums to fill the multipliers' pipelines.
//
// What a single pass goes over it fetches shortly before. Several passes, of tiles or of a panel's parts, have a panel from
// memory once and then from the second cache: they fetch the next panel meanwhile, each its share, so that memory is never
// idle; after the last panel the first, for the tokens that are left, and at last `next`.
template <class P>
static void productOf(const Matrix& weight, int begin, int end, const typename P::Input* input, size_t inputStride,
                      int tokens, float* out, size_t stride, const std::byte* next) {
  constexpr size_t shortly = 4096, stays = 16 << 10;  // of the first cache, beside what is being read
  constexpr int T = P::Lanes::tokenTile(P::widened);
  const auto cols = static_cast<size_t>(weight.cols);
  const int fitting = static_cast<int>(std::min<size_t>(P::Lanes::inputBytes / (cols * sizeof(typename P::Input)), 1 << 20));
  const int most = std::max(4 * T, fitting) + T;
  const size_t panelBytes = packedBytes(weight.type, 1, weight.cols);
  std::vector<std::byte> packed(weight.packed ? 0 : panelBytes);
  for (int first = 0, last, chunks = (tokens + most - 1) / most; first < tokens; first = last, --chunks) {
    last = first + (tokens - first + chunks - 1) / chunks;
    for (int r = begin; r < end; r += panelRows) {
      if (!weight.packed) packPanel(weight, r, packed.data());
      const void* data = weight.packed ? weight.rowsFrom(r, 1).data : packed.data();
      const auto* panel = static_cast<const typename P::Weight*>(data);
      const auto* here = static_cast<const std::byte*>(data);
      const int tiles = (last - first + T - 1) / T, present = std::min(panelRows, end - r);
      const int parts = panelRows / (P::Lanes::width * P::Lanes::rowVectors((last - first + tiles - 1) / tiles, P::widened));
      const std::byte* follows = here;
      if (r + panelRows < end) follows += panelBytes;
      else if (last < tokens && weight.packed) follows = static_cast<const std::byte*>(weight.rowsFrom(begin, 1).data);
      else if (next) follows = next;
      const int passes = tiles * parts;
      PanelAhead ahead{passes == 1 ? here + shortly : follows, passes, passes > 1 && panelBytes > stays};
      for (int t = first, left = tiles; t < last; --left) {
        const int together = (last - t + left - 1) / left;
        withCount<T>(together, [&]<int count>() __attribute__((always_inline)) {
          constexpr int vectors = P::Lanes::rowVectors(count, P::widened);
          constexpr bool apart = 3 * count * vectors > 2 * T * P::Lanes::rowVectors(T, P::widened);
          constexpr auto tile = apart ? productTileApart<P, count, vectors> : productTile<P, count, vectors>;
          for (int row = 0; row < present; row += vectors * P::Lanes::width) {
            tile(panel, input + static_cast<size_t>(t) * inputStride, inputStride, cols, row, present,
                 out + static_cast<size_t>(t) * stride + r, stride, ahead);
            ahead.from += panelBytes / static_cast<size_t>(ahead.every) / 64 * 64;
          }
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
static void simdMatmul(const Matrix& weight, int begin, int end, const float* input, size_t inputStride, int tokens,
                       float* out, size_t stride, const std::byte* next) {
  const auto run = [&]<class P>(P) { productOf<P>(weight, begin, end, input, inputStride, tokens, out, stride, next); };
  switch (weight.type) {
    case DType::f32: return run(Float32Product<V, ElementF32>{});
    case DType::f16: return run(Float32Product<V, ElementF16>{});
    case DType::bf16: return run(Float32Product<V, ElementBf16>{});
    case DType::i8:
      run(Float32Product<V, ElementI8>{});
      return scaleRows(weight, begin, end, tokens, out, stride);
  }
}

}  // namespace pathpress
