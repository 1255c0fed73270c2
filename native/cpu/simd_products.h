// Products of weight rows and tokens, written once over P, which says what a step of the sum is: P::Weight and P::Input as
// they are stored, P::step elements at a time. Everything is static, as in simd_kernels.h.
//
// One accumulator an output element, which takes the columns in ascending order, in every tile: that is what makes an
// element's bits depend on its row and its input alone.
#pragma once

#include <algorithm>

#include "simd_kernels.h"

namespace pathpress {

// A float32 product over vector type V.
template <class V, class Element>
struct Float32Product {
  using Vec = typename V::Vec;
  using Weight = typename Element::Storage;
  using Input = float;
  static constexpr int step = V::width, rowTile = V::rowTile, tokenTile = V::tokenTile;
  static Vec zero() { return V::zero(); }
  static Vec weight(const Weight* from) { return V::load(Element{}, from); }
  static Vec input(const Input* from) { return V::load(from); }
  static Vec weightPart(const Weight* from, int count) { return V::loadPart(Element{}, from, count); }
  static Vec inputPart(const Input* from, int count) { return V::loadPart(ElementF32{}, from, count); }
  static Vec accumulate(Vec sum, Vec weight, Vec input) { return V::fma(weight, input, sum); }
  template <int R>
  static void storeSums(float* to, const Vec (&sums)[R]) { V::template storeSums<R>(to, sums); }
};

// Memory that the next tiles will read, fetched while this one is computed: a matrix's rows follow one another.
struct Ahead {
  const char* at;
  int lines;  // a step

  void fetch() {
    for (int i = 0; i < lines; ++i, at += 64) __builtin_prefetch(at);
  }
};

template <class P, int R, int T>
static inline void productTile(const typename P::Weight* weight, const typename P::Input* input, size_t cols, float* out,
                               size_t stride, Ahead& next) {
  using Vec = typename P::Vec;
  Vec sums[T][R];
  for (int t = 0; t < T; ++t) {
    for (int r = 0; r < R; ++r) sums[t][r] = P::zero();
  }
  // The fewer operands stay in registers, the others pass by.
  const auto add = [&](const auto loadWeight, const auto loadInput) __attribute__((always_inline)) {
    if constexpr (R < T) {
      Vec w[R];
      for (int r = 0; r < R; ++r) w[r] = loadWeight(weight + static_cast<size_t>(r) * cols);
      for (int t = 0; t < T; ++t) {
        const Vec x = loadInput(input + static_cast<size_t>(t) * cols);
        for (int r = 0; r < R; ++r) sums[t][r] = P::accumulate(sums[t][r], w[r], x);
      }
    } else {
      Vec x[T];
      for (int t = 0; t < T; ++t) x[t] = loadInput(input + static_cast<size_t>(t) * cols);
      for (int r = 0; r < R; ++r) {
        const Vec w = loadWeight(weight + static_cast<size_t>(r) * cols);
        for (int t = 0; t < T; ++t) sums[t][r] = P::accumulate(sums[t][r], w, x[t]);
      }
    }
  };
  Ahead ahead = next;
  size_t k = 0;
  for (; k + P::step <= cols; k += P::step) {
    ahead.fetch();
    add([k](const auto* from) __attribute__((always_inline)) { return P::weight(from + k); },
        [k](const auto* from) __attribute__((always_inline)) { return P::input(from + k); });
  }
  if (k < cols) {
    const int rest = static_cast<int>(cols - k);
    add([=](const auto* from) __attribute__((always_inline)) { return P::weightPart(from + k, rest); },
        [=](const auto* from) __attribute__((always_inline)) { return P::inputPart(from + k, rest); });
  }
  next.at = ahead.at;
  for (int t = 0; t < T; ++t) P::template storeSums<R>(out + static_cast<size_t>(t) * stride, sums[t]);
}

// R rows and any number of tokens; `after` ends what may be fetched ahead.
template <class P, int R>
static inline void productRows(const typename P::Weight* weight, const typename P::Input* input, size_t cols, int tokens,
                               float* out, size_t stride, const void* after) {
  constexpr int T = P::tokenTile;
  // The next R rows are fetched within four fifths of the passes over the tokens: evenly, and in time.
  const size_t passes = static_cast<size_t>((tokens + T - 1) / T);
  const size_t bytes = R * cols * sizeof(typename P::Weight), steps = passes * ((cols + P::step - 1) / P::step);
  const auto* next = static_cast<const char*>(static_cast<const void*>(weight)) + bytes;
  const int lines = static_cast<int>((5 * bytes / (4 * 64) + steps - 1) / steps);
  Ahead ahead{next, lines};
  const char* end = std::min(next + bytes, static_cast<const char*>(after));
  int t = 0;
  const auto tile = [&]<int N>(std::integral_constant<int, N>) __attribute__((always_inline)) {
    if (ahead.at >= end) ahead.lines = 0;
    const auto token = static_cast<size_t>(t);
    productTile<P, R, N>(weight, input + token * cols, cols, out + token * stride, stride, ahead);
    t += N;
  };
  while (t + T <= tokens) tile(std::integral_constant<int, T>{});
  if constexpr (T > 3) {
    if (t + 3 == tokens) return tile(std::integral_constant<int, 3>{});
  }
  if (t + 2 == tokens) return tile(std::integral_constant<int, 2>{});
  if (t + 1 == tokens) tile(std::integral_constant<int, 1>{});
}

// Rows [begin, end) and every token. Tokens are taken so many at a time that their inputs stay in the second-level cache
// while the rows pass by.
template <class P>
static void productOf(const Matrix& weight, int begin, int end, const typename P::Input* input, int tokens, float* out,
                      size_t stride) {
  constexpr size_t inputBytes = 384 << 10;
  constexpr int R = P::rowTile, T = P::tokenTile;
  const auto cols = static_cast<size_t>(weight.cols);
  const auto* data = static_cast<const typename P::Weight*>(weight.data);
  const auto* after = data + static_cast<size_t>(weight.rows) * cols;
  const int fitting = static_cast<int>(std::min<size_t>(inputBytes / (cols * sizeof(typename P::Input)), 1 << 20));
  const int chunk = std::max(4 * T, fitting / T * T);
  for (int first = 0; first < tokens; first += chunk) {
    const int count = std::min(chunk, tokens - first);
    const typename P::Input* from = input + static_cast<size_t>(first) * cols;
    float* to = out + static_cast<size_t>(first) * stride;
    int r = begin;
    for (; r + R <= end; r += R) {
      productRows<P, R>(data + static_cast<size_t>(r) * cols, from, cols, count, to + r, stride, after);
    }
    for (; r < end; ++r) productRows<P, 1>(data + static_cast<size_t>(r) * cols, from, cols, count, to + r, stride, after);
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
