// Weight matrices, as a file has them or packed for products. Functions are static, as in dtype.h.
#pragma once

#include <cstring>

#include "dtype.h"

namespace pathpress {

// A packed matrix lies in panels of so many rows, column by column: a product adds up a panel's rows side by side, out of
// one stream of memory. Of bfloat16 two columns stand together, as the processor's dot product takes them. Rows that the
// last panel lacks, and the second of a last odd column, are zeros.
constexpr int panelRows = 32;

static inline size_t columnsTogether(DType type) { return type == DType::bf16 ? 2 : 1; }

static inline size_t panelElements(DType type, int cols) {
  const size_t together = columnsTogether(type);
  return (static_cast<size_t>(cols) + together - 1) / together * together * panelRows;
}

static inline size_t panelsOf(int rows) { return static_cast<size_t>((rows + panelRows - 1) / panelRows); }

static inline size_t packedBytes(DType type, int rows, int cols) {
  return panelsOf(rows) * panelElements(type, cols) * dtypeBytes(type);
}

struct Matrix {
  const void* data = nullptr;
  DType type = DType::f32;
  int rows = 0;
  int cols = 0;
  const float* scales = nullptr;  // (rows), where the type is i8: an element is its whole number times its row's scale
  bool packed = false;            // else row-major

  // Of a packed one from a panel's first row on.
  Matrix rowsFrom(int begin, int count) const {
    const auto* from = static_cast<const std::byte*>(data) + index(begin, 0) * dtypeBytes(type);
    return {from, type, count, cols, scales ? scales + begin : nullptr, packed};
  }

  size_t index(int row, int col) const {
    const auto r = static_cast<size_t>(row), k = static_cast<size_t>(col), together = columnsTogether(type);
    if (!packed) return r * static_cast<size_t>(cols) + k;
    const size_t panel = r / panelRows * panelElements(type, cols), lane = r % panelRows;
    return panel + (k / together * panelRows + lane) * together + k % together;
  }

  // Without its row's scale.
  float at(int row, int col) const { return loadElement(data, type, index(row, col)); }
  // A row (cols), without its scale.
  void read(int row, float* to) const {
    const size_t together = packed ? columnsTogether(type) : 1, apart = packed ? together * panelRows : 1;
    size_t group = index(row, 0);
    for (size_t k = 0; k < static_cast<size_t>(cols); group += apart) {
      for (size_t i = 0; i < together && k < static_cast<size_t>(cols); ++i) to[k++] = loadElement(data, type, group + i);
    }
  }
};

template <class Bits>
static inline void packPanelOf(const Matrix& from, int begin, std::byte* to) {
  constexpr size_t block = 64;  // columns: what is read and what is written of them stays in the first cache
  const auto cols = static_cast<size_t>(from.cols), together = columnsTogether(from.type);
  const auto rows = static_cast<size_t>(from.rows - begin), padded = panelElements(from.type, from.cols) / panelRows;
  const auto* data = static_cast<const std::byte*>(from.data) + static_cast<size_t>(begin) * cols * sizeof(Bits);
  for (size_t first = 0; first < padded; first += block) {
    const size_t end = first + block < padded ? first + block : padded;
    for (size_t lane = 0; lane < panelRows; ++lane) {
      for (size_t k = first; k < end; ++k) {
        Bits bits = 0;
        if (lane < rows && k < cols) std::memcpy(&bits, data + (lane * cols + k) * sizeof(Bits), sizeof(Bits));
        std::memcpy(to + ((k / together * panelRows + lane) * together + k % together) * sizeof(Bits), &bits, sizeof(Bits));
      }
    }
  }
}

// Packs the panel that begins with row `begin` of a row-major matrix, at whatever address that lies, and with fewer rows
// than a panel's where it has no more.
static inline void packPanel(const Matrix& from, int begin, std::byte* to) {
  switch (dtypeBytes(from.type)) {
    case 4: return packPanelOf<uint32_t>(from, begin, to);
    case 2: return packPanelOf<uint16_t>(from, begin, to);
    default: return packPanelOf<uint8_t>(from, begin, to);
  }
}

// Packs panels [first, end) of a row-major matrix into `to`, where all of them are to lie (packedBytes).
static inline void packPanels(const Matrix& from, size_t first, size_t end, std::byte* to) {
  for (size_t panel = first; panel < end; ++panel) {
    packPanel(from, static_cast<int>(panel) * panelRows, to + panel * packedBytes(from.type, 1, from.cols));
  }
}

}  // namespace pathpress
