// Numbers for the tests of kernels, drawn from a seed.
#pragma once

#include <numeric>
#include <random>
#include <vector>

#include "../../engine/dtype.h"
#include "../device.h"

namespace pathpress::cuda {

// 0, 1, 2, ...
inline std::vector<float> ramp(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

inline std::vector<float> drawFloats(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<int64_t>(random() >> 40) - (1 << 23)) * 0x1p-23f;
  return values;
}

inline std::vector<uint16_t> drawBf16(size_t count, uint64_t seed) {
  std::vector<uint16_t> bits;
  for (const float value : drawFloats(count, seed)) bits.push_back(floatToBf16(value));
  return bits;
}

inline std::vector<Bf16> asBf16(const std::vector<uint16_t>& bits) {
  std::vector<Bf16> values;
  for (const uint16_t each : bits) values.push_back({each});
  return values;
}

}  // namespace pathpress::cuda
