#include "quantised_page.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dtype.h"

namespace pathpress {
namespace {

constexpr double largestHalf = 65504;

// The next float16 towards minus infinity: what is 0 steps below it.
uint16_t halfBelow(uint16_t half) {
  if ((half & 0x7FFFu) == 0) return 0x8001u;
  return static_cast<uint16_t>(half & 0x8000u ? half + 1 : half - 1);
}

// The largest float16 that is not above the value; of one beyond their range the last.
uint16_t roundedDown(double value) {
  const double within = std::max(-largestHalf, std::min(value, largestHalf));
  const uint16_t half = floatToF16(static_cast<float>(within));
  return static_cast<double>(f16ToFloat(half)) > within ? halfBelow(half) : half;
}

uint16_t roundedUp(double value) { return static_cast<uint16_t>(roundedDown(-value) ^ 0x8000u); }

void putCode(uint8_t* codes, size_t index, int bits, uint8_t code) {
  if (bits == 8) {
    codes[index] = code;
    return;
  }
  uint8_t& pair = codes[index / 16 * 8 + index % 8];
  pair = static_cast<uint8_t>(index % 16 < 8 ? (pair & 0xF0u) | code : (pair & 0x0Fu) | code << 4);
}

// Elements [begin, begin + count) of `from`, which share a scale and a zero point.
void quantiseGroup(const float* from, size_t begin, size_t count, int bits, uint8_t* codes, uint16_t& scale,
                   uint16_t& zero) {
  const auto [least, largest] = std::minmax_element(from + begin, from + begin + count);
  const double levels = (1 << bits) - 1;
  zero = roundedDown(static_cast<double>(*least));
  const auto origin = static_cast<double>(f16ToFloat(zero));
  scale = roundedUp((static_cast<double>(*largest) - origin) / levels);
  const auto step = static_cast<double>(f16ToFloat(scale));
  for (size_t i = begin; i < begin + count; ++i) {
    const double code = step > 0 ? std::nearbyint((static_cast<double>(from[i]) - origin) / step) : 0;
    putCode(codes, i, bits, static_cast<uint8_t>(std::max(0.0, std::min(levels, code))));  // a NaN is the last code
  }
}

}  // namespace

PageCodes QuantisedPage::codes(const std::byte* page, float* out) const {
  const auto* keys = static_cast<const uint8_t*>(static_cast<const void*>(page));
  const auto* scales = static_cast<const uint16_t*>(static_cast<const void*>(page + 2 * codeBytes()));
  const size_t width = size(dim), values = size(pageEntries) * groups();
  return {dim, bits, keys, keys + codeBytes(), scales, scales + width, scales + 2 * width, scales + 2 * width + values, out};
}

void QuantisedPage::quantise(const float* page, std::byte* to) const {
  auto* codes = static_cast<uint8_t*>(static_cast<void*>(to));
  auto* scales = static_cast<uint16_t*>(static_cast<void*>(to + 2 * codeBytes()));
  const size_t width = size(dim);
  for (size_t i = 0; i < width; ++i) {
    quantiseGroup(page, i * pageEntries, pageEntries, bits, codes, scales[i], scales[width + i]);
  }
  scales += 2 * width;
  const float* values = page + pageEntries * width;
  for (size_t slot = 0; slot < pageEntries; ++slot) {
    for (size_t group = 0; group < groups(); ++group) {
      const size_t first = group * codeGroup, at = group * pageEntries + slot;
      quantiseGroup(values, slot * width + first, std::min(width - first, size(codeGroup)), bits, codes + codeBytes(),
                    scales[at], scales[size(pageEntries) * groups() + at]);
    }
  }
}

}  // namespace pathpress
