#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "errors.h"

namespace pathpress {
namespace {

constexpr size_t copiedBytes = size_t{64} << 20;

}  // namespace

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
  try {
    if (size_ > copiedBytes) map(file, path);
    else if (size_ > 0) copy(file, path);
  } catch (...) {
    ::close(file);
    throw;
  }
  ::close(file);
}

void MappedFile::map(int file, const std::string& path) {
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) throw EngineError("BAD_FILE", path + ": " + std::strerror(errno));
  data_ = static_cast<const std::byte*>(mapped);
}

void MappedFile::copy(int file, const std::string& path) {
  void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<const std::byte*>(memory);
  for (size_t done = 0; done < size_;) {
    const ssize_t more = ::read(file, static_cast<std::byte*>(memory) + done, size_ - done);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) {
      const std::string why = more < 0 ? std::strerror(errno) : "it became shorter while it was read";
      ::munmap(memory, size_);
      throw EngineError("BAD_FILE", path + ": " + why);
    }
    done += static_cast<size_t>(more);
  }
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

}  // namespace pathpress
