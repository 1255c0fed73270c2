// A file's bytes for as long as the object lives: those of up to 64 MiB are copied, larger ones are mapped read-only. Whoever
// reads a mapped page that somebody has cut off gets SIGBUS, not an error: large files in use must not be rewritten.
#pragma once

#include <cstddef>
#include <string>

namespace pathpress {

class MappedFile {
 public:
  // Throws EngineError BAD_FILE naming the path and the system's reason; std::bad_alloc.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void map(int file, const std::string& path);
  void copy(int file, const std::string& path);

  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace pathpress
