// AVX512-BF16: products of bfloat16 weights, or pages, with inputs that were rounded to bfloat16, two columns a lane and step.
// Exact products, sums in float32; values below 2^-126 count as zero, as the instruction has it.
#include "avx512.h"
#include "simd_attention.h"
#include "simd_products.h"

namespace pathpress {
namespace {

// Two neighbouring numbers, or one and nothing, in every lane.
template <int count>
__m512 inEveryLane(const uint16_t* from) {
  uint32_t both = 0;
  __builtin_memcpy(&both, from, 2 * count);
  return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(both)));
}

// Sixteen sums beside two weights and an input: tiles of 24 are slower with this instruction.
struct ProductLanes : Avx512 {
  static constexpr int tokenTile(bool) { return 8; }
};

struct Bf16Product {
  using Lanes = ProductLanes;
  using Vec = __m512;
  using Weight = uint16_t;
  using Input = uint16_t;
  static constexpr int together = 2, steps = 1;
  static constexpr bool widened = false;
  template <int>
  static Vec weight(const Weight* from, int v) { return _mm512_castsi512_ps(_mm512_loadu_epi16(from + 32 * v)); }
  template <int>
  static Vec input(const Input* from, int columns) { return columns == 2 ? inEveryLane<2>(from) : inEveryLane<1>(from); }
  static Vec accumulate(Vec sum, Vec w, Vec x) { return _mm512_dpbf16_ps(sum, (__m512bh)w, (__m512bh)x); }
};

void matmul(const Matrix& weight, int begin, int end, const uint16_t* input, size_t inputStride, int tokens, float* out,
            size_t stride, const std::byte* next) {
  productOf<Bf16Product>(weight, begin, end, input, inputStride, tokens, out, stride, next);
}

// Attention: a lane holds two dimensions of a key, or a channel of two entries' values.
struct Avx512Bf16 : Avx512 {
  template <int count>
  static Vec pair(const uint16_t* from) { return inEveryLane<count>(from); }
  static Vec dot(Vec a, Vec b, Vec sum) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }
  static void round(const float* from, size_t count, uint16_t* to) {
    const auto store = [to](size_t at, __mmask16 lanes, __m512 values) {
      _mm256_mask_storeu_epi16(to + at, lanes, (__m256i)_mm512_cvtneps_pbh(values));
    };
    size_t i = 0;
    for (; i + 16 <= count; i += 16) store(i, 0xFFFF, _mm512_loadu_ps(from + i));
    const auto rest = static_cast<__mmask16>((1u << (count - i)) - 1u);
    if (rest) store(i, rest, _mm512_maskz_loadu_ps(rest, from + i));
  }

  // Sixteen keys of two dimensions, or of one.
  template <int count>
  static Vec keyPairs(const uint16_t* from) {
    return interleave(count == 2 ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi16(0xFFFF, from));
  }

  // 32 channels of an entry and of the one `next` numbers on, in an order that sortPairs() undoes: within each quarter of a
  // register, as that costs one instruction each.
  static void valuePairs(const uint16_t* from, int next, Vec& a, Vec& b) {
    const __m512i one = _mm512_loadu_si512(from), other = _mm512_loadu_si512(from + next);
    a = _mm512_castsi512_ps(_mm512_unpacklo_epi16(one, other));
    b = _mm512_castsi512_ps(_mm512_unpackhi_epi16(one, other));
  }
  static void sortPairs(Vec& a, Vec& b) {
    rearrange(a, b, _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23));
  }
  // Sixteen channels at most, in their order.
  static Vec partPairs(const uint16_t* from, int next, int rest) {
    const __mmask16 lanes = firstLanes(rest < width ? rest : width);
    const __m256i one = _mm256_maskz_loadu_epi16(lanes, from), other = _mm256_maskz_loadu_epi16(lanes, from + next);
    return interleave(_mm512_inserti64x4(_mm512_castsi256_si512(one), other, 1));
  }

 private:
  // (a0, a1, ..., a15, b0, b1, ..., b15): (a0, b0), (a1, b1), ...
  static Vec interleave(__m512i both) {
    const __m512i places = _mm512_setr_epi32(0x100000, 0x110001, 0x120002, 0x130003, 0x140004, 0x150005, 0x160006, 0x170007,
                                             0x180008, 0x190009, 0x1A000A, 0x1B000B, 0x1C000C, 0x1D000D, 0x1E000E, 0x1F000F);
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(places, both));
  }
};

void attend(const AttentionTask& task) { attendPiece<Avx512Bf16, ElementBf16, uint16_t>(task); }

}  // namespace

extern const Bf16Kernels avx512Bf16Kernels;
const Bf16Kernels avx512Bf16Kernels = {Avx512Bf16::round, matmul, attend};

}  // namespace pathpress
