// The SIMD kernels, written once over a vector type V and compiled once for each instruction set. Everything is static or
// a template over V, whose name differs from file to file: no code compiled for one set is linked into another's place.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../engine/kernels.h"

namespace pathpress {

// As the compiler's prefetch names the first cache and the second.
constexpr int firstCache = 3, secondCache = 2;

// Element types as V sees them.
struct ElementF32 { using Storage = float; };
struct ElementF16 { using Storage = uint16_t; };
struct ElementBf16 { using Storage = uint16_t; };
struct ElementI8 { using Storage = int8_t; };

// Calls tile<N>() with N = count, which is at most `most`.
template <int most, class Tile>
[[gnu::always_inline]] static inline void withCount(int count, const Tile& tile) {
  if (count == most) return tile.template operator()<most>();
  if constexpr (most > 1) withCount<most - 1>(count, tile);
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
