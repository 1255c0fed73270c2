// What wide accesses move, as numbers.
#pragma once

#include "device.h"

namespace pathpress::cuda {

// The i-th Bf16 of `words`.
DEVICE float half(const uint32_t* words, int i) {
  return asFloat(i % 2 ? words[i / 2] & 0xFFFF0000u : words[i / 2] << 16);
}

// To the nearest Bf16.
DEVICE float rounded(float value) { return toFloat(toBf16(value)); }

// Two numbers as the Bf16 of a word.
DEVICE uint32_t halves(float low, float high) {
  return toBf16(low).bits | static_cast<uint32_t>(toBf16(high).bits) << 16;
}

}  // namespace pathpress::cuda
