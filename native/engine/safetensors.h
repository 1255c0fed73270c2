// Reads safetensors files. A file is hostile until checked: every length, offset and shape is verified in checked
// 64-bit arithmetic before a byte of a tensor is handed out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pathpress {

struct TensorEntry {
  std::string name;
  std::string dtype;  // as the file spells it: F32, F16, BF16, I64, ...
  std::vector<uint64_t> shape;
  size_t begin = 0;  // bytes from the start of the file
  size_t bytes = 0;
};

// `file` holds the whole file of `size` bytes, `path` is for messages. Throws EngineError BAD_FILE (the header) or
// BAD_TENSOR (an entry, named).
std::vector<TensorEntry> readSafetensors(const std::byte* file, size_t size, const std::string& path);

std::string shapeText(const std::vector<uint64_t>& shape);  // "[2, 3]"

}  // namespace pathpress
