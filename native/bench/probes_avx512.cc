#ifdef PATHPRESS_X86
#include <immintrin.h>

#include "probe_loops.h"

namespace pathpress {
namespace {

struct Avx512Probe {
  using Vec = __m512;
  using Bits = __m512i;
  static Vec set(float value) { return _mm512_set1_ps(value); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  static float sum(Vec a) { return _mm512_reduce_add_ps(a); }
  static Bits noBits() { return _mm512_setzero_si512(); }
  static Bits loadBits(const std::byte* from) { return _mm512_loadu_si512(from); }
  static Bits either(Bits a, Bits b) { return _mm512_or_si512(a, b); }
  static uint64_t foldBits(Bits a) { return static_cast<uint64_t>(_mm512_reduce_or_epi64(a)); }
};

}  // namespace

extern const Probe avx512Probe, avx512Bf16Probe;
float bf16DotLoop(size_t rounds);  // probes_avx512bf16.cc

const Probe avx512Probe = {"avx512", readLoop<Avx512Probe>, multiplyAddLoop<Avx512Probe>, 2 * probeSums * 16, nullptr, 0};
const Probe avx512Bf16Probe = {"avx512",        readLoop<Avx512Probe>, multiplyAddLoop<Avx512Probe>, 2 * probeSums * 16,
                               bf16DotLoop, 2 * probeSums * 32};

}  // namespace pathpress
#endif
