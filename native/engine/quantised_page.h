// A whole page in 8 or 4 bits: keys with a scale and zero point for each channel over the page's sixteen entries, values
// with one for each entry and up to 32 channels, as KIVI (arXiv 2402.02750) does with groups of 32 entries. Asymmetric, the
// zero point is the least element; both are float16, rounded so that every element lies between the outermost codes: what
// comes back is off by half a scale at most.
#pragma once

#include "page_codes.h"

namespace pathpress {

struct QuantisedPage {
  int dim = 0;
  int bits = 8;  // 8 or 4

  size_t bytes() const { return 2 * codeBytes() + 2 * sizeof(uint16_t) * (size(dim) + size(pageEntries) * groups()); }
  // From keys (dim, 16) and values (16, dim) in float32.
  void quantise(const float* page, std::byte* to) const;
  PageCodes codes(const std::byte* page, float* out) const;

 private:
  static size_t size(int value) { return static_cast<size_t>(value); }
  size_t groups() const { return size((dim + codeGroup - 1) / codeGroup); }
  size_t codeBytes() const { return size(pageEntries) * size(dim) * size(bits) / 8; }  // of keys, and of values
};

}  // namespace pathpress
