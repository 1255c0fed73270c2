// The element types of weights and caches, and the conversions that every back end must agree with. Functions are static
// because files compiled for different instruction sets include this one and must not share a copy.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pathpress {

enum class DType : uint8_t { f32, f16, bf16, i8 };  // i8: weights only, each row with a scale (Matrix)

static inline size_t dtypeBytes(DType type) { return type == DType::f32 ? 4 : type == DType::i8 ? 1 : 2; }
static inline const char* dtypeName(DType type) {
  return type == DType::f32 ? "f32" : type == DType::f16 ? "f16" : type == DType::bf16 ? "bf16" : "int8";
}

static inline float bf16ToFloat(uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }

// Round to nearest, ties to even; NaN stays NaN.
static inline uint16_t floatToBf16(float value) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

// Likewise; what is nearer to 65536 than to 65504 becomes infinity.
static inline uint16_t floatToF16(float value) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t size = bits & 0x7FFFFFFFu;
  uint32_t half;
  if (size > 0x7F800000u) half = 0x7E00u;
  else if (size >= 0x47800000u) half = 0x7C00u;
  else if (size >= 0x38800000u) half = (size - 0x38000000u + 0xFFFu + ((size >> 13) & 1u)) >> 13;
  // Subnormal: a float just above 1/2 counts in steps of 2^-24, as these halves do.
  else half = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, size) + 0.5f) - 0x3F000000u;
  return static_cast<uint16_t>(sign | half);
}

static inline float f16ToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t rest = half & 0x7FFFu;
  if (rest >= 0x7C00u) return __builtin_bit_cast(float, sign | 0x7F800000u | ((rest & 0x3FFu) << 13));
  if (rest >= 0x0400u) return __builtin_bit_cast(float, sign | ((rest + 0x1C000u) << 13));
  const float subnormal = static_cast<float>(rest) * 0x1p-24f;
  return sign ? -subnormal : subnormal;
}

// The nearest value that `type` can hold.
static inline float roundTo(float value, DType type) {
  if (type == DType::bf16) return bf16ToFloat(floatToBf16(value));
  return type == DType::f16 ? f16ToFloat(floatToF16(value)) : value;
}

static inline float loadElement(const void* data, DType type, size_t index) {
  const auto* bytes = static_cast<const unsigned char*>(data) + index * dtypeBytes(type);
  if (type == DType::f32) {
    float value;
    __builtin_memcpy(&value, bytes, 4);
    return value;
  }
  if (type == DType::i8) return static_cast<float>(static_cast<int8_t>(*bytes));
  uint16_t half;
  __builtin_memcpy(&half, bytes, 2);
  return type == DType::f16 ? f16ToFloat(half) : bf16ToFloat(half);
}

}  // namespace pathpress
