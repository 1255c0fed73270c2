// The SIMD kernels, written once over a vector type V and compiled once for each instruction set. Everything is static or
// a template over V, whose name differs from file to file: no code compiled for one set is linked into another's place.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../engine/kernels.h"

namespace pathpress {

// Element types as V sees them.
struct ElementF32 { using Storage = float; };
struct ElementF16 { using Storage = uint16_t; };
struct ElementBf16 { using Storage = uint16_t; };

// R rows by T tokens; one accumulator an element, so that its order of summation is the same in every tile.
template <class V, class Element, int R, int T>
static inline void matmulTile(const typename Element::Storage* weight, const float* input, int cols, float* out,
                              size_t stride) {
  using Vec = typename V::Vec;
  const auto ld = static_cast<size_t>(cols);
  Vec sums[R][T];
  for (int r = 0; r < R; ++r) {
    for (int t = 0; t < T; ++t) sums[r][t] = V::zero();
  }
  size_t k = 0;
  for (; k + V::width <= ld; k += V::width) {
    Vec x[T];
    for (int t = 0; t < T; ++t) x[t] = V::load(input + static_cast<size_t>(t) * ld + k);
    for (int r = 0; r < R; ++r) {
      const Vec w = V::load(Element{}, weight + static_cast<size_t>(r) * ld + k);
      for (int t = 0; t < T; ++t) sums[r][t] = V::fma(w, x[t], sums[r][t]);
    }
  }
  if (k < ld) {
    const int rest = static_cast<int>(ld - k);
    Vec x[T];
    for (int t = 0; t < T; ++t) x[t] = V::loadPart(ElementF32{}, input + static_cast<size_t>(t) * ld + k, rest);
    for (int r = 0; r < R; ++r) {
      const Vec w = V::loadPart(Element{}, weight + static_cast<size_t>(r) * ld + k, rest);
      for (int t = 0; t < T; ++t) sums[r][t] = V::fma(w, x[t], sums[r][t]);
    }
  }
  for (int t = 0; t < T; ++t) {
    float* to = out + static_cast<size_t>(t) * stride;
    if constexpr (R % 4 == 0) {
      for (int r = 0; r < R; r += 4) V::storeSums(to + r, sums[r][t], sums[r + 1][t], sums[r + 2][t], sums[r + 3][t]);
    } else {
      for (int r = 0; r < R; ++r) to[r] = V::sum(sums[r][t]);
    }
  }
}

template <class V, class Element, int R>
static inline void matmulRows(const typename Element::Storage* weight, const float* input, int cols, int tokens,
                              float* out, size_t stride) {
  constexpr int T = V::tokenTile;
  const auto ld = static_cast<size_t>(cols);
  int t = 0;
  for (; t + T <= tokens; t += T) {
    const auto token = static_cast<size_t>(t);
    matmulTile<V, Element, R, T>(weight, input + token * ld, cols, out + token * stride, stride);
  }
  for (; t < tokens; ++t) {
    const auto token = static_cast<size_t>(t);
    matmulTile<V, Element, R, 1>(weight, input + token * ld, cols, out + token * stride, stride);
  }
}

template <class V, class Element>
static void matmulOf(const Matrix& weight, int begin, int end, const float* input, int tokens, float* out, size_t stride) {
  const auto* data = static_cast<const typename Element::Storage*>(weight.data);
  const auto ld = static_cast<size_t>(weight.cols);
  int r = begin;
  if (tokens == 1) {
    for (; r + 8 <= end; r += 8) {
      matmulTile<V, Element, 8, 1>(data + static_cast<size_t>(r) * ld, input, weight.cols, out + r, stride);
    }
  }
  for (; r + 4 <= end; r += 4) {
    matmulRows<V, Element, 4>(data + static_cast<size_t>(r) * ld, input, weight.cols, tokens, out + r, stride);
  }
  for (; r < end; ++r) {
    matmulRows<V, Element, 1>(data + static_cast<size_t>(r) * ld, input, weight.cols, tokens, out + r, stride);
  }
}

template <class V>
static void simdMatmul(const Matrix& weight, int begin, int end, const float* input, int tokens, float* out,
                       size_t stride) {
  switch (weight.type) {
    case DType::f32: return matmulOf<V, ElementF32>(weight, begin, end, input, tokens, out, stride);
    case DType::f16: return matmulOf<V, ElementF16>(weight, begin, end, input, tokens, out, stride);
    case DType::bf16: return matmulOf<V, ElementBf16>(weight, begin, end, input, tokens, out, stride);
  }
}

template <class V>
static void simdSwiglu(float* gate, const float* up, size_t count) {
  const auto one = V::set(1.0f);
  size_t i = 0;
  for (; i + V::width <= count; i += V::width) {
    const auto g = V::load(gate + i);
    const auto silu = V::divide(g, V::add(one, V::exp(V::subtract(V::zero(), g))));
    V::store(gate + i, V::multiply(silu, V::load(up + i)));
  }
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    const auto g = V::loadPart(ElementF32{}, gate + i, rest);
    const auto silu = V::divide(g, V::add(one, V::exp(V::subtract(V::zero(), g))));
    V::storePart(gate + i, V::multiply(silu, V::loadPart(ElementF32{}, up + i, rest)), rest);
  }
}

}  // namespace pathpress
