// The element types of weights and caches, and the conversions that every back end must agree with. Functions are static
// because files compiled for different instruction sets include this one and must not share a copy.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pathpress {

enum class DType : uint8_t { f32, f16, bf16 };

static inline size_t dtypeBytes(DType type) { return type == DType::f32 ? 4 : 2; }
static inline const char* dtypeName(DType type) {
  return type == DType::f32 ? "f32" : type == DType::f16 ? "f16" : "bf16";
}

static inline float bf16ToFloat(uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }

// Round to nearest, ties to even; NaN stays NaN.
static inline uint16_t floatToBf16(float value) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

static inline float f16ToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t rest = half & 0x7FFFu;
  if (rest >= 0x7C00u) return __builtin_bit_cast(float, sign | 0x7F800000u | ((rest & 0x3FFu) << 13));
  if (rest >= 0x0400u) return __builtin_bit_cast(float, sign | ((rest + 0x1C000u) << 13));
  const float subnormal = static_cast<float>(rest) * 0x1p-24f;
  return sign ? -subnormal : subnormal;
}

static inline float loadElement(const void* data, DType type, size_t index) {
  const auto* bytes = static_cast<const unsigned char*>(data) + index * dtypeBytes(type);
  if (type == DType::f32) {
    float value;
    __builtin_memcpy(&value, bytes, 4);
    return value;
  }
  uint16_t half;
  __builtin_memcpy(&half, bytes, 2);
  return type == DType::f16 ? f16ToFloat(half) : bf16ToFloat(half);
}

}  // namespace pathpress
