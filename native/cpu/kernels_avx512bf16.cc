// AVX512-BF16: products of bfloat16 weights with inputs that were rounded to bfloat16, two columns a lane and step. Exact
// products, sums in float32; values below 2^-126 count as zero, as the instruction has it.
#include <immintrin.h>

#include "simd_products.h"

namespace pathpress {
namespace {

struct Lanes512 {
  using Vec = __m512;
  static constexpr int width = 16;
  static constexpr int tokenTile(bool) { return 12; }
  static constexpr int rowVectors(int, bool) { return 2; }
  static constexpr int groupsATurn(int, int) { return 1; }
  static constexpr size_t inputBytes = 384 << 10;
  static Vec zero() { return _mm512_setzero_ps(); }
  static void store(float* to, Vec value) { _mm512_storeu_ps(to, value); }
  static void storePart(float* to, Vec value, int count) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1u), value);
  }
};

struct Bf16Product {
  using Lanes = Lanes512;
  using Vec = __m512;
  using Weight = uint16_t;
  using Input = uint16_t;
  static constexpr int together = 2, steps = 1;
  static constexpr bool widened = false;
  template <int>
  static Vec weight(const Weight* from, int v) { return _mm512_castsi512_ps(_mm512_loadu_epi16(from + 32 * v)); }
  template <int>
  static Vec input(const Input* from, int columns) {
    uint32_t both = from[0];
    if (columns == 2) __builtin_memcpy(&both, from, 4);
    return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(both)));
  }
  static Vec accumulate(Vec sum, Vec w, Vec x) { return _mm512_dpbf16_ps(sum, (__m512bh)w, (__m512bh)x); }
};

void matmul(const Matrix& weight, int begin, int end, const uint16_t* input, size_t inputStride, int tokens, float* out,
            size_t stride, const std::byte* next) {
  productOf<Bf16Product>(weight, begin, end, input, inputStride, tokens, out, stride, next);
}

void round(const float* from, size_t count, uint16_t* to) {
  const auto store = [to](size_t at, __mmask16 lanes, __m512 values) {
    _mm256_mask_storeu_epi16(to + at, lanes, (__m256i)_mm512_cvtneps_pbh(values));
  };
  size_t i = 0;
  for (; i + 16 <= count; i += 16) store(i, 0xFFFF, _mm512_loadu_ps(from + i));
  const auto rest = static_cast<__mmask16>((1u << (count - i)) - 1u);
  if (rest) store(i, rest, _mm512_maskz_loadu_ps(rest, from + i));
}

}  // namespace

extern const Bf16Kernels avx512Bf16Kernels;
const Bf16Kernels avx512Bf16Kernels = {round, matmul};

}  // namespace pathpress
