// NEON as every 64-bit ARM has it: vectors of four.
#include <arm_neon.h>

#include "simd_attention.h"
#include "simd_votes.h"
#include "simd_widen.h"
#include "simd_products.h"
#include "simd_sampling.h"

namespace pathpress {
namespace {

struct Neon {
  using Vec = float32x4_t;
  static constexpr int width = 4;
  // Products: 24 sums, three inputs and a weight in 32 registers.
  static constexpr int tokenTile(bool) { return 3; }
  static constexpr int rowVectors(int, bool) { return 8; }
  static constexpr int groupsATurn(int, int) { return 1; }
  static constexpr size_t inputBytes = 384 << 10;
  // Attention: queries in a tile, and sums that the registers hold beside what is added to them.
  static constexpr int headTile = 4, tileSums = 16, mixedWide = 4, stepsATurn = 1, farCache = firstCache;

  static Vec zero() { return vdupq_n_f32(0); }
  static Vec set(float value) { return vdupq_n_f32(value); }
  static Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
  static Vec subtract(Vec a, Vec b) { return vsubq_f32(a, b); }
  static Vec multiply(Vec a, Vec b) { return vmulq_f32(a, b); }
  static Vec divide(Vec a, Vec b) { return vdivq_f32(a, b); }
  static Vec maximum(Vec a, Vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }  // b where either is no number, as on x86
  static Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }

  static Vec load(const float* from) { return vld1q_f32(from); }
  static Vec load(ElementF32, const float* from) { return vld1q_f32(from); }
  static Vec load(ElementF16, const uint16_t* from) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from))); }
  static Vec load(ElementBf16, const uint16_t* from) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(from), 16)); }
  static Vec load(ElementI8, const int8_t* from) {
    const int8_t copy[8] = {from[0], from[1], from[2], from[3]};
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(copy)))));
  }
  // The v-th vector of sixteen codes (PageCodes).
  template <int bits>
  static Vec codes(const uint8_t* from, int v) {
    uint8x8_t bytes = vld1_u8(bits == 8 ? from + 8 * (v / 2) : from);
    if constexpr (bits == 4) bytes = v < 2 ? vand_u8(bytes, vdup_n_u8(15)) : vshr_n_u8(bytes, 4);
    const uint16x8_t wide = vmovl_u8(bytes);
    return vcvtq_f32_u32(vmovl_u16(v % 2 ? vget_high_u16(wide) : vget_low_u16(wide)));
  }
  template <class Element>
  static Vec loadPart(Element element, const typename Element::Storage* from, int count) {
    typename Element::Storage copy[width] = {};
    for (int i = 0; i < count; ++i) copy[i] = from[i];
    return load(element, copy);
  }
  // Of bfloat16 two by two (2·width): the first of each two, and the second.
  static Vec even(const uint16_t* from) { return vreinterpretq_f32_u32(vshlq_n_u32(load16(from), 16)); }
  static Vec odd(const uint16_t* from) { return vreinterpretq_f32_u32(vandq_u32(load16(from), vdupq_n_u32(0xFFFF0000u))); }
  // (a0, b0, a1, b1, ...): its first half and its second.
  static void zip(Vec& a, Vec& b) {
    const Vec low = vzip1q_f32(a, b);
    b = vzip2q_f32(a, b);
    a = low;
  }
  static void store(float* to, Vec value) { vst1q_f32(to, value); }
  static void storePart(float* to, Vec value, int count) {
    float copy[width];
    vst1q_f32(copy, value);
    for (int i = 0; i < count; ++i) to[i] = copy[i];
  }

  static float sum(Vec a) { return vpadds_f32(vget_low_f32(vpaddq_f32(a, a))); }
  static float largest(Vec a) { return vmaxvq_f32(a); }

  // Cephes' expf: below 2 ulp; 0 under -87.3, arguments above 88 count as 88.
  static Vec exp(Vec x) {
    const uint32x4_t tooSmall = vcltq_f32(x, set(-87.3f));
    x = maximum(minimum(x, set(88.0f)), set(-87.3f));
    const Vec n = vrndnq_f32(multiply(x, set(1.44269504f)));
    const Vec r = fma(n, set(2.12194440e-4f), fma(n, set(-0.693359375f), x));
    Vec p = set(1.9875691500e-4f);
    p = fma(p, r, set(1.3981999507e-3f));
    p = fma(p, r, set(8.3334519073e-3f));
    p = fma(p, r, set(4.1665795894e-2f));
    p = fma(p, r, set(1.6666665459e-1f));
    p = fma(p, r, set(5.0000001201e-1f));
    p = add(fma(p, multiply(r, r), r), set(1.0f));
    const int32x4_t power = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
    return vbslq_f32(tooSmall, zero(), multiply(p, vreinterpretq_f32_s32(power)));
  }

 private:
  static uint32x4_t load16(const uint16_t* from) { return vreinterpretq_u32_u16(vld1q_u16(from)); }
  static Vec minimum(Vec a, Vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
};

}  // namespace

extern const Kernels neonKernels;
const Kernels neonKernels = {"neon", simdMatmul<Neon>, 4 * Neon::headTile, simdAttend<Neon>, simdJoin<Neon>,
                           simdScoreKeys<Neon>, simdAddSoftmax<Neon>, simdSwiglu<Neon>, simdHighest<Neon>, simdTemper<Neon>,
                           simdWiden<Neon>};

}  // namespace pathpress
