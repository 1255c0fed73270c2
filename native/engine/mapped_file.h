// A file mapped read-only for as long as the object lives.
#pragma once

#include <cstddef>
#include <string>

namespace pathpress {

class MappedFile {
 public:
  // Throws EngineError BAD_FILE naming the path and the system's reason.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace pathpress
