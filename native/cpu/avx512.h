// The vectors of AVX-512, for files that are compiled with it: each has a copy of its own.
#pragma once

#include <immintrin.h>

#include "simd_kernels.h"

namespace pathpress {
namespace {

// AVX-512 F, BW, DQ and VL: vectors of sixteen, one page's entries.
struct Avx512 {
  using Vec = __m512;
  static constexpr int width = 16;
  // Products: 24 sums, two weights and an input in 32 registers.
  static constexpr int tokenTile(bool) { return 12; }
  static constexpr int rowVectors(int, bool) { return 2; }
  static constexpr int groupsATurn(int, int) { return 1; }
  static constexpr size_t inputBytes = 384 << 10;
  // Attention: queries in a tile, and sums that the registers hold beside what is added to them.
  static constexpr int headTile = 8, tileSums = 16, mixedWide = 4, stepsATurn = 1, farCache = secondCache;

  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec set(float value) { return _mm512_set1_ps(value); }
  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static Vec subtract(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
  static Vec multiply(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static Vec divide(Vec a, Vec b) { return _mm512_div_ps(a, b); }
  static Vec maximum(Vec a, Vec b) { return _mm512_max_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }

  static Vec load(const float* from) { return _mm512_loadu_ps(from); }
  static Vec load(ElementF32, const float* from) { return _mm512_loadu_ps(from); }
  static Vec load(ElementF16, const uint16_t* from) { return _mm512_cvtph_ps(_mm256_loadu_epi16(from)); }
  static Vec load(ElementBf16, const uint16_t* from) { return widen(_mm256_loadu_epi16(from)); }
  static Vec load(ElementI8, const int8_t* from) { return widen(_mm_loadu_epi8(from)); }
  // The v-th vector of sixteen codes (PageCodes).
  template <int bits>
  static Vec codes(const uint8_t* from, int) {
    if constexpr (bits == 8) return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_epi8(from)));
    const __m128i pairs = _mm_loadl_epi64(static_cast<const __m128i*>(static_cast<const void*>(from)));
    const __m128i all = _mm_and_si128(_mm_unpacklo_epi64(pairs, _mm_srli_epi16(pairs, 4)), _mm_set1_epi8(15));
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(all));
  }
  static Vec loadPart(ElementF32, const float* from, int count) {
    return _mm512_maskz_loadu_ps(firstLanes(count), from);
  }
  static Vec loadPart(ElementF16, const uint16_t* from, int count) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(firstLanes(count), from));
  }
  static Vec loadPart(ElementBf16, const uint16_t* from, int count) {
    return widen(_mm256_maskz_loadu_epi16(firstLanes(count), from));
  }
  static Vec loadPart(ElementI8, const int8_t* from, int count) {
    return widen(_mm_maskz_loadu_epi8(firstLanes(count), from));
  }
  // Of bfloat16 two by two (2·width): the first of each two, and the second.
  static Vec even(const uint16_t* from) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(from), 16)); }
  static Vec odd(const uint16_t* from) {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000u));
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(from), upper));
  }
  // (a0, b0, a1, b1, ...): its first half and its second.
  static void zip(Vec& a, Vec& b) {
    rearrange(a, b, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  }
  static void store(float* to, Vec value) { _mm512_storeu_ps(to, value); }
  static void storePart(float* to, Vec value, int count) { _mm512_mask_storeu_ps(to, firstLanes(count), value); }

  static float sum(Vec a) { return _mm512_reduce_add_ps(a); }
  static float largest(Vec a) { return _mm512_reduce_max_ps(a); }

  // Cephes' expf: below 2 ulp; 0 under -87.3, arguments above 88 count as 88.
  static Vec exp(Vec x) {
    const __mmask16 large = _mm512_cmp_ps_mask(x, set(-87.3f), _CMP_GE_OQ);
    x = _mm512_max_ps(_mm512_min_ps(x, set(88.0f)), set(-87.3f));
    const Vec n = _mm512_roundscale_ps(multiply(x, set(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const Vec r = fma(n, set(2.12194440e-4f), fma(n, set(-0.693359375f), x));
    Vec p = set(1.9875691500e-4f);
    p = fma(p, r, set(1.3981999507e-3f));
    p = fma(p, r, set(8.3334519073e-3f));
    p = fma(p, r, set(4.1665795894e-2f));
    p = fma(p, r, set(1.6666665459e-1f));
    p = fma(p, r, set(5.0000001201e-1f));
    p = add(fma(p, multiply(r, r), r), set(1.0f));
    return _mm512_maskz_scalef_ps(large, p, n);
  }

 protected:
  // Lanes of both together (b's from 16 on): those that `first` names, and those eight after each.
  static void rearrange(Vec& a, Vec& b, __m512i first) {
    const Vec low = _mm512_permutex2var_ps(a, first, b);
    b = _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(8)), b);
    a = low;
  }
  static __mmask16 firstLanes(int count) { return static_cast<__mmask16>((1u << count) - 1u); }
  static Vec widen(__m128i bytes) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)); }
  static Vec widen(__m256i bits) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)); }
};

}  // namespace
}  // namespace pathpress
