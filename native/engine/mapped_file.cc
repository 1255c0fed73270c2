#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "errors.h"

namespace pathpress {

MappedFile::MappedFile(const std::string& path) {
  const auto failed = [&] { return EngineError("BAD_FILE", path + ": " + std::strerror(errno)); };
  // Without O_NONBLOCK a pipe in the file's place would keep us waiting for its other end.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) throw failed();
  struct stat status {};
  if (::fstat(file, &status) != 0) {
    const EngineError error = failed();
    ::close(file);
    throw error;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(file);
    throw EngineError("BAD_FILE", path + ": not a regular file");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ > 0) {
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED) {
      const EngineError error = failed();
      ::close(file);
      throw error;
    }
    data_ = static_cast<const std::byte*>(mapped);
  }
  ::close(file);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

}  // namespace pathpress
