// Memory on large pages where the system gives them: a ceiling must not pay for address translation.
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
  explicit HugeBuffer(size_t bytes) {
    constexpr size_t page = size_t{2} << 20;
    const size_t whole = (bytes + page - 1) / page * page;
    data_ = static_cast<std::byte*>(std::aligned_alloc(page, whole));
    if (!data_) throw std::bad_alloc();
#ifdef __linux__
    ::madvise(data_, whole, MADV_HUGEPAGE);
#endif
  }
  ~HugeBuffer() { std::free(data_); }
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_;
};

}  // namespace pathpress
