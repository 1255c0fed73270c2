// Pages held in 8 or 4 bits widened to float32 (page_codes.h). A code times a float16 is exact in float32, so that every
// instruction set gives the same bits.
#pragma once

#include "../engine/page_codes.h"
#include "simd_kernels.h"

namespace pathpress {

template <class V>
static inline void widenHalves(const uint16_t* from, int count, float* to) {
  int i = 0;
  for (; i + V::width <= count; i += V::width) V::store(to + i, V::load(ElementF16{}, from + i));
  if (i < count) V::storePart(to + i, V::loadPart(ElementF16{}, from + i, count - i), count - i);
}

template <class V, int bits>
static inline void widenSixteen(const uint8_t* from, float scale, float zero, float* to) {
  for (int v = 0; v < 16 / V::width; ++v) {
    V::store(to + v * V::width, V::fma(V::template codes<bits>(from, v), V::set(scale), V::set(zero)));
  }
}

// One element of values whose rows are no whole sixteens.
template <int bits>
static inline float widenOne(const uint8_t* from, int index, float scale, float zero) {
  const int code = bits == 8 ? from[index] : (from[index / 16 * 8 + index % 8] >> (index % 16 < 8 ? 0 : 4)) & 15;
  return static_cast<float>(code) * scale + zero;
}

template <class V, int bits>
static inline void widenBits(const PageCodes& page) {
  constexpr int bytes = 2 * bits;  // of sixteen codes
  const int dim = page.dim, groups = (dim + codeGroup - 1) / codeGroup;
  constexpr int most = 64;  // channels whose scales are widened together
  float scales[most], zeros[most];
  for (int first = 0; first < dim; first += most) {
    const int count = dim - first < most ? dim - first : most;
    widenHalves<V>(page.keyScales + first, count, scales);
    widenHalves<V>(page.keyZeros + first, count, zeros);
    for (int i = 0; i < count; ++i) {
      const int channel = first + i;
      widenSixteen<V, bits>(page.keys + channel * bytes, scales[i], zeros[i], page.out + channel * pageEntries);
    }
  }
  float* values = page.out + pageEntries * dim;
  for (int group = 0; group < groups; ++group) {
    const int first = group * codeGroup, end = dim - first < codeGroup ? dim : first + codeGroup;
    widenHalves<V>(page.valueScales + group * pageEntries, pageEntries, scales);
    widenHalves<V>(page.valueZeros + group * pageEntries, pageEntries, zeros);
    for (int slot = 0; slot < pageEntries; ++slot) {
      const int row = slot * dim;
      int i = first;
      for (; dim % 16 == 0 && i < end; i += 16) {
        widenSixteen<V, bits>(page.values + (row + i) / 16 * bytes, scales[slot], zeros[slot], values + row + i);
      }
      for (; i < end; ++i) values[row + i] = widenOne<bits>(page.values, row + i, scales[slot], zeros[slot]);
    }
  }
}

template <class V>
static void simdWiden(const PageCodes& page) {
  page.bits == 8 ? widenBits<V, 8>(page) : widenBits<V, 4>(page);
}

}  // namespace pathpress
