// Floats in their order, as words.
#pragma once

#include "device.h"

namespace pathpress::cuda {

// Both zeros are one. What is no number is to be told apart before.
DEVICE uint32_t orderOf(float value) {
  const uint32_t bits = asWord(value + 0.0f);
  return bits ^ (bits >> 31 ? ~0u : 0x80000000u);
}
DEVICE uint64_t orderOf(double value) {
  const uint64_t bits = asLongWord(value + 0.0), sign = uint64_t{1} << 63;
  return bits & sign ? ~bits : bits | sign;
}
DEVICE float ofOrder(uint32_t order) { return asFloat(order ^ (order >> 31 ? 0x80000000u : ~0u)); }

}  // namespace pathpress::cuda
