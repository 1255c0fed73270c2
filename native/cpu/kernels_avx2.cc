// AVX2, FMA and F16C: vectors of eight.
#include <immintrin.h>

#include "simd_attention.h"
#include "simd_products.h"
#include "simd_sampling.h"
#include "simd_votes.h"
#include "simd_widen.h"

namespace pathpress {
namespace {

struct Avx2 {
  using Vec = __m256;
  static constexpr int width = 8;
  // Products: twelve sums, and in the four registers left three inputs and a weight; or two weights and an input, where
  // weights are widened, which of six tokens is done half as often as of three. Of two tokens there are no more sums than
  // a panel's rows give.
  static constexpr int tokenTile(bool widened) { return widened ? 6 : 3; }
  static constexpr int rowVectors(int tokens, bool widened) { return widened && tokens > 2 ? 2 : 4; }
  // A core that also serves another guest starts half as many instructions: the fewer beside the sums, the better. Fewer
  // tokens wait for memory, which is asked for more evenly from shorter turns.
  static constexpr int groupsATurn(int tokens, int together) {
    if (together == 2) return tokens > 4 ? 4 : 1;
    return tokens > 2 ? 2 : 1;
  }
  static constexpr size_t inputBytes = 192 << 10;
  // Attention (simd_scores.h): twelve sums of six queries, as in products; more than eight of fewer would need registers
  // that their operands have.
  static constexpr int headTile = 6, tileSums = 8, mixedWide = 2, stepsATurn = 4, farCache = firstCache;

  static Vec zero() { return _mm256_setzero_ps(); }
  static Vec set(float value) { return _mm256_set1_ps(value); }
  static Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
  static Vec subtract(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
  static Vec multiply(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
  static Vec divide(Vec a, Vec b) { return _mm256_div_ps(a, b); }
  static Vec maximum(Vec a, Vec b) { return _mm256_max_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }

  static Vec load(const float* from) { return _mm256_loadu_ps(from); }
  static Vec load(ElementF32, const float* from) { return _mm256_loadu_ps(from); }
  static Vec load(ElementF16, const uint16_t* from) { return _mm256_cvtph_ps(load16(from)); }
  static Vec load(ElementBf16, const uint16_t* from) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(from)), 16));
  }
  static Vec load(ElementI8, const int8_t* from) {
    const __m128i bytes = _mm_loadl_epi64(static_cast<const __m128i*>(static_cast<const void*>(from)));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
  }
  // The v-th vector of sixteen codes (PageCodes).
  template <int bits>
  static Vec codes(const uint8_t* from, int v) {
    __m128i bytes = _mm_loadl_epi64(static_cast<const __m128i*>(static_cast<const void*>(bits == 8 ? from + 8 * v : from)));
    if constexpr (bits == 4) bytes = _mm_and_si128(v ? _mm_srli_epi16(bytes, 4) : bytes, _mm_set1_epi8(15));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
  }
  static Vec loadPart(ElementF32, const float* from, int count) { return _mm256_maskload_ps(from, firstLanes(count)); }
  template <class Element>
  static Vec loadPart(Element element, const typename Element::Storage* from, int count) {
    typename Element::Storage copy[width] = {};
    for (int i = 0; i < count; ++i) copy[i] = from[i];
    return load(element, copy);
  }
  // Of bfloat16 two by two (2·width): the first of each two, and the second.
  static Vec even(const uint16_t* from) { return _mm256_castsi256_ps(_mm256_slli_epi32(load32(from), 16)); }
  static Vec odd(const uint16_t* from) {
    return _mm256_castsi256_ps(_mm256_and_si256(load32(from), _mm256_set1_epi32(static_cast<int>(0xFFFF0000u))));
  }
  // (a0, b0, a1, b1, ...): its first half and its second.
  static void zip(Vec& a, Vec& b) {
    const Vec low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    a = _mm256_permute2f128_ps(low, high, 0x20);
    b = _mm256_permute2f128_ps(low, high, 0x31);
  }
  static void store(float* to, Vec value) { _mm256_storeu_ps(to, value); }
  static void storePart(float* to, Vec value, int count) { _mm256_maskstore_ps(to, firstLanes(count), value); }

  static float sum(Vec a) { return _mm_cvtss_f32(sums(a, zero(), zero(), zero())); }
  static float largest(Vec a) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_shuffle_ps(half, half, 1)));
  }

  // Cephes' expf: below 2 ulp; 0 under -87.3, arguments above 88 count as 88.
  static Vec exp(Vec x) {
    const Vec tooSmall = _mm256_cmp_ps(x, set(-87.3f), _CMP_LT_OQ);
    x = _mm256_max_ps(_mm256_min_ps(x, set(88.0f)), set(-87.3f));
    const Vec n = _mm256_round_ps(multiply(x, set(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const Vec r = fma(n, set(2.12194440e-4f), fma(n, set(-0.693359375f), x));
    Vec p = set(1.9875691500e-4f);
    p = fma(p, r, set(1.3981999507e-3f));
    p = fma(p, r, set(8.3334519073e-3f));
    p = fma(p, r, set(4.1665795894e-2f));
    p = fma(p, r, set(1.6666665459e-1f));
    p = fma(p, r, set(5.0000001201e-1f));
    p = add(fma(p, multiply(r, r), r), set(1.0f));
    const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_andnot_ps(tooSmall, multiply(p, _mm256_castsi256_ps(power)));
  }

 private:
  static __m128i load16(const uint16_t* from) {
    return _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(from)));
  }
  static __m256i load32(const uint16_t* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(static_cast<const void*>(from)));
  }
  static __m256i firstLanes(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static __m128 sums(Vec a, Vec b, Vec c, Vec d) {
    const Vec all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
  }
};

}  // namespace

extern const Kernels avx2Kernels;
const Kernels avx2Kernels = {"avx2", simdMatmul<Avx2>, 3 * Avx2::headTile, simdAttend<Avx2>, simdJoin<Avx2>,
                               simdScoreKeys<Avx2>, simdAddSoftmax<Avx2>, simdSwiglu<Avx2>, simdHighest<Avx2>,
                               simdTemper<Avx2>, simdWiden<Avx2>};

}  // namespace pathpress
