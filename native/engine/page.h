// The layout of a page (kernels.h) for those who write, read and move single entries.
#pragma once

#include <cstring>

#include "kernels.h"

namespace pathpress {

struct PageLayout {
  int dim = 0;
  DType type = DType::f32;  // f32 or bf16

  size_t entryBytes() const { return 2 * static_cast<size_t>(dim) * dtypeBytes(type); }
  size_t bytes() const { return pageEntries * entryBytes(); }

  void write(std::byte* page, int slot, const float* key, const float* value) const {
    for (int i = 0; i < dim; ++i) {
      put(page, keyAt(slot, i), key[i]);
      put(page, valueAt(slot, i), value[i]);
    }
  }

  void readKey(const std::byte* page, int slot, float* key) const {
    for (int i = 0; i < dim; ++i) key[i] = loadElement(page, type, keyAt(slot, i));
  }

  void move(const std::byte* fromPage, int fromSlot, std::byte* toPage, int toSlot) const {
    const size_t width = dtypeBytes(type);
    for (int i = 0; i < dim; ++i) {
      std::memcpy(toPage + keyAt(toSlot, i) * width, fromPage + keyAt(fromSlot, i) * width, width);
    }
    std::memmove(toPage + valueAt(toSlot, 0) * width, fromPage + valueAt(fromSlot, 0) * width,
                 static_cast<size_t>(dim) * width);
  }

 private:
  size_t keyAt(int slot, int i) const { return static_cast<size_t>(i) * pageEntries + static_cast<size_t>(slot); }
  size_t valueAt(int slot, int i) const {
    return (pageEntries + static_cast<size_t>(slot)) * static_cast<size_t>(dim) + static_cast<size_t>(i);
  }
  void put(std::byte* page, size_t index, float value) const {
    if (type == DType::f32) {
      std::memcpy(page + index * 4, &value, 4);
    } else {
      const uint16_t half = floatToBf16(value);
      std::memcpy(page + index * 2, &half, 2);
    }
  }
};

}  // namespace pathpress
