// What AVX-512 F, BW, DQ and VL compute.
#include "avx512.h"
#include "simd_attention.h"
#include "simd_products.h"
#include "simd_sampling.h"
#include "simd_votes.h"
#include "simd_widen.h"

namespace pathpress {

extern const Kernels avx512Kernels;
const Kernels avx512Kernels = {"avx512", simdMatmul<Avx512>, 2 * Avx512::headTile, simdAttend<Avx512>, simdJoin<Avx512>,
                                 simdScoreKeys<Avx512>, simdAddSoftmax<Avx512>, simdSwiglu<Avx512>,
                                 simdHighest<Avx512>, simdTemper<Avx512>, simdWiden<Avx512>};

}  // namespace pathpress
