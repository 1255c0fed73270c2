#ifdef PATHPRESS_X86
#include <immintrin.h>

#include "probe_loops.h"

namespace pathpress {
namespace {

struct Avx2Probe {
  using Vec = __m256;
  using Bits = __m256i;
  static Vec set(float value) { return _mm256_set1_ps(value); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
  static float sum(Vec a) {
    const __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    return _mm_cvtss_f32(_mm_hadd_ps(_mm_hadd_ps(half, half), half));
  }
  static Bits noBits() { return _mm256_setzero_si256(); }
  static Bits loadBits(const std::byte* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(static_cast<const void*>(from)));
  }
  static Bits either(Bits a, Bits b) { return _mm256_or_si256(a, b); }
  static uint64_t foldBits(Bits a) {
    const __m128i half = _mm_or_si128(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    return static_cast<uint64_t>(_mm_cvtsi128_si64(half)) | static_cast<uint64_t>(_mm_extract_epi64(half, 1));
  }
};

}  // namespace

extern const Probe avx2Probe;
const Probe avx2Probe = {"avx2", readLoop<Avx2Probe>, multiplyAddLoop<Avx2Probe>, 2 * probeSums * 8, nullptr, 0};

}  // namespace pathpress
#endif
