// Large memory for the length of a call. Fresh pages cost as much to clear as a quarter of the counting that is done in
// them, so the last call's is kept, and left to the system to take whenever it needs it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "../engine/huge_buffer.h"

namespace pathpress {

class Scratch {
 public:
  // On a page's boundary. Throws std::bad_alloc.
  explicit Scratch(size_t bytes) : buffer_(kept().exchange(nullptr)) {
    if (buffer_ && buffer_->bytes() >= bytes) return;
    buffer_.reset();  // not both at once
    buffer_ = std::make_unique<HugeBuffer>(bytes);
  }
  ~Scratch() {
    if (buffer_->bytes() > mostKept || !buffer_->offer()) return;
    delete kept().exchange(buffer_.release());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::byte* data() const { return buffer_->data(); }
  size_t bytes() const { return buffer_->bytes(); }

 private:
  static constexpr size_t mostKept = size_t{256} << 20;

  static std::atomic<HugeBuffer*>& kept() {
    static std::atomic<HugeBuffer*> buffer = nullptr;
    return buffer;
  }

  std::unique_ptr<HugeBuffer> buffer_;
};

}  // namespace pathpress
