// The loops of a probe over a vector type V: V::Vec, V::Bits, load, zero, set, fma, sum. Everything is a template over V, whose
// name differs from file to file: no code compiled for one set is linked into another's place.
#pragma once

#include "probes.h"

namespace pathpress {

// Long enough for every unit's latency, few enough for sixteen registers with two operands.
constexpr int probeSums = 12;

template <class V>
static uint64_t readLoop(const std::byte* from, size_t bytes, size_t ahead) {
  constexpr size_t width = sizeof(typename V::Bits), step = 1024;
  constexpr int sums = 8;
  typename V::Bits total[sums];
  for (auto& sum : total) sum = V::noBits();
  for (size_t at = 0; at < bytes; at += step) {
    for (size_t line = 0; ahead && line < step; line += 64) __builtin_prefetch(from + at + ahead + line, 0, 3);
#pragma GCC unroll 64
    for (size_t i = 0; i < step / width; ++i) {
      total[i % sums] = V::either(total[i % sums], V::loadBits(from + at + i * width));
      // In this order: processors that see it fetch ahead by themselves, up to three times as fast as they read otherwise.
      __asm__ volatile("" ::: "memory");
    }
  }
  for (int i = 1; i < sums; ++i) total[0] = V::either(total[0], total[i]);
  return V::foldBits(total[0]);
}

template <class V>
static float multiplyAddLoop(size_t rounds) {
  typename V::Vec sums[probeSums];
  for (int i = 0; i < probeSums; ++i) sums[i] = V::set(static_cast<float>(i));
  volatile float nearOne = 0.999999f, small = 1e-6f;  // not known when compiling
  const auto a = V::set(nearOne), b = V::set(small);
  for (size_t round = 0; round < rounds; ++round) {
    for (auto& sum : sums) sum = V::fma(sum, a, b);
  }
  for (int i = 1; i < probeSums; ++i) sums[0] = V::fma(sums[i], a, sums[0]);
  return V::sum(sums[0]);
}

}  // namespace pathpress
