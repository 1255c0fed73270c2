// Which logit is highest, and the weights that a token is drawn by, in double precision (Kernels::highest, temper): plain
// loops, which a compiler makes vectors of.
#pragma once

#include <bit>

#include "simd_kernels.h"

namespace pathpress {

// exp(x) for x <= 0 to within 4e-16 of itself, without a branch: 2^n times the series of what is left, at most half of log 2.
// Below -708 it stays what it is there.
template <class V>
static inline double exponential(double x) {
  constexpr double toInteger = 0x1.8p52;  // leaves the nearest integer in the low bits of a sum
  constexpr double log2High = 0x1.62e42fee00000p-1, log2Low = 0x1.a39ef35793c76p-33;
  x = x < -708 ? -708 : x;
  const double shifted = x * 0x1.71547652b82fep0 + toInteger, n = shifted - toInteger;
  const double r = (x - n * log2High) - n * log2Low, r2 = r * r, r4 = r2 * r2;
  const double low = (1 + r) + r2 * (1 / 2. + r * (1 / 6.));
  const double middle = (1 / 24. + r * (1 / 120.)) + r2 * (1 / 720. + r * (1 / 5040.));
  const double high = (1 / 40320. + r * (1 / 362880.)) + r2 * (1 / 3628800. + r * (1 / 39916800.));
  const double sum = low + r4 * (middle + r4 * (high + r4 * (1 / 479001600. + r * (1 / 6227020800.))));
  return sum * std::bit_cast<double>((std::bit_cast<uint64_t>(shifted) + 1023) << 52);
}

template <class V>
static size_t simdHighest(const float* logits, size_t count) {
  constexpr size_t lanes = 16;
  constexpr uint32_t exponent = 0x7F800000u;
  uint32_t faults[lanes] = {};
  float tops[lanes];
  for (float& one : tops) one = logits[0];
  const auto take = [&](size_t j, float logit) {
    faults[j] |= (std::bit_cast<uint32_t>(logit) & exponent) == exponent ? 1 : 0;
    tops[j] = logit > tops[j] ? logit : tops[j];
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (size_t j = 0; j < lanes; ++j) take(j, logits[i + j]);
  }
  for (size_t j = 0; i < count; ++i, ++j) take(j, logits[i]);
  float top = tops[0];
  uint32_t fault = faults[0];
  for (size_t j = 1; j < lanes; ++j) fault |= faults[j], top = tops[j] > top ? tops[j] : top;
  if (fault) return count;
  for (i = 0; i + lanes <= count; i += lanes) {
    uint32_t there = 0;
    for (size_t j = 0; j < lanes; ++j) there |= logits[i + j] == top ? 1 : 0;
    if (there) break;
  }
  while (logits[i] != top) ++i;
  return i;
}

template <class V>
static double simdTemper(const float* logits, size_t count, float top, double temperature, double* weights) {
  constexpr size_t lanes = 8;
  for (size_t i = 0; i < count; ++i) weights[i] = exponential<V>(static_cast<double>(logits[i] - top) / temperature);
  double sums[lanes] = {};
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (size_t j = 0; j < lanes; ++j) sums[j] += weights[i + j];
  }
  for (size_t j = 0; i < count; ++i, ++j) sums[j] += weights[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace pathpress
