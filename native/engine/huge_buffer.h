// Memory on large pages where the system gives them: who writes to thousands of places at once, or measures a ceiling,
// must not pay for address translation. Nothing is written to it yet.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace pathpress {

class HugeBuffer {
 public:
  // On a small page's boundary at least. Throws std::bad_alloc.
  explicit HugeBuffer(size_t bytes) : bytes_(bytes) {
    const size_t align = bytes < page ? smallPage : page;
    const size_t whole = (bytes + align - 1) / align * align;
    data_ = static_cast<std::byte*>(std::aligned_alloc(align, whole));
    if (!data_) throw std::bad_alloc();
#ifdef __linux__
    if (align == page) ::madvise(data_, bytes / page * page, MADV_HUGEPAGE);  // no page that it would not fill
#endif
  }
  ~HugeBuffer() { std::free(data_); }
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

  // Lets the system take the pages, and what they hold, until they are written to again. False where it cannot.
  bool offer() {
#if defined(__linux__) && defined(MADV_FREE)
    return bytes_ >= page && ::madvise(data_, bytes_ / page * page, MADV_FREE) == 0;
#else
    return false;
#endif
  }

 private:
  static constexpr size_t page = size_t{2} << 20, smallPage = 4096;

  size_t bytes_;
  std::byte* data_;
};

}  // namespace pathpress
