// AVX512-BF16's dot product: sixteen sums of two products each.
#ifdef PATHPRESS_X86
#include <immintrin.h>

#include "probe_loops.h"

namespace pathpress {

float bf16DotLoop(size_t rounds);

float bf16DotLoop(size_t rounds) {
  __m512 sums[probeSums];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  volatile float small = 1e-3f;  // not known when compiling
  const __m512 half = _mm512_set1_ps(small);
  const __m512bh a = _mm512_cvtne2ps_pbh(half, half), b = a;
  for (size_t round = 0; round < rounds; ++round) {
    for (auto& sum : sums) sum = _mm512_dpbf16_ps(sum, a, b);
  }
  for (int i = 1; i < probeSums; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_reduce_add_ps(sums[0]);
}

}  // namespace pathpress
#endif
