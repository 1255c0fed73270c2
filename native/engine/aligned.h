// Buffers that begin on a cache line, so that a vector of sixteen floats is one line and not two, and rows of them.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace pathpress {

template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};
  LineAllocator() = default;
  template <class U>
  explicit LineAllocator(const LineAllocator<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* at, size_t) { ::operator delete(at, line); }
  bool operator==(const LineAllocator&) const { return true; }
};

template <class T>
using Aligned = std::vector<T, LineAllocator<T>>;

// Elements from one row of such a buffer to the next: an odd number of lines. Rows a power of two apart would want the
// same few places of the first cache, where a product reads several of them side by side.
template <class T>
constexpr size_t rowStride(size_t width) {
  constexpr size_t line = 64 / sizeof(T);
  return ((width + line - 1) / line | 1) * line;
}

}  // namespace pathpress
