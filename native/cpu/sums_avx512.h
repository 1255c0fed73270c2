// The sums of up to eight vectors of sixteen floats, side by side. A vector's own sum is the same wherever it stands:
// u = its lower half + its upper half, then ((u0 + u1) + (u2 + u3)) + ((u4 + u5) + (u6 + u7)).
#pragma once

#include <immintrin.h>

namespace pathpress {

// Vectors a and b halved: (ua, ub), eight floats each.
static inline __m512 halve(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
}

// Neighbours added, within each four floats: (a0 + a1, a2 + a3, b0 + b1, b2 + b3).
static inline __m512 pairs(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xDD));
}

template <int R>
static inline void storeSums512(float* to, const __m512 (&sums)[R]) {
  static_assert(R >= 1 && R <= 8);
  const __m512 zero = _mm512_setzero_ps();
  const auto at = [&](int r) __attribute__((always_inline)) { return r < R ? sums[r < R ? r : 0] : zero; };
  // Lanes of four: what rows 0, 2, 4, 6 and then 1, 3, 5, 7 have of their first four, and of their last four.
  const __m512 low = pairs(halve(at(0), at(1)), halve(at(2), at(3)));
  const __m512 high = pairs(halve(at(4), at(5)), halve(at(6), at(7)));
  const __m512 spread = pairs(low, high);
  const __m256 even = _mm512_castps512_ps256(spread), odd = _mm512_extractf32x8_ps(spread, 1);
  const __m128 evens = _mm_add_ps(_mm256_castps256_ps128(even), _mm256_extractf128_ps(even, 1));
  const __m128 odds = _mm_add_ps(_mm256_castps256_ps128(odd), _mm256_extractf128_ps(odd, 1));
  const __m256 all = _mm256_set_m128(_mm_unpackhi_ps(evens, odds), _mm_unpacklo_ps(evens, odds));
  _mm256_mask_storeu_ps(to, static_cast<__mmask8>((1u << R) - 1u), all);
}

}  // namespace pathpress
