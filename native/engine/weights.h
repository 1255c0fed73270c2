// All tensors of a checkpoint, by name, over one or several mapped safetensors files.
#pragma once

#include <list>
#include <ranges>
#include <string>
#include <unordered_map>
#include <vector>

#include "mapped_file.h"
#include "matrix.h"
#include "safetensors.h"

namespace pathpress {

class Weights {
 public:
  // Throws EngineError BAD_FILE or BAD_TENSOR; a name in two files is BAD_TENSOR.
  explicit Weights(const std::vector<std::string>& paths);

  bool has(const std::string& name) const { return tensors_.contains(name); }

  // Of every tensor, in no order.
  auto names() const { return std::views::keys(tensors_); }

  // Throws EngineError BAD_TENSOR where the tensor is missing, has another shape (both are named) or a type that is not
  // F32, F16 or BF16; a matrix may also be I8, with a tensor "<name>_scale" of a scale a row. BAD_WEIGHTS where it holds
  // NaN or infinity. Every element is looked at, on `threads` threads.
  Matrix matrix(const std::string& name, int rows, int cols, int threads);
  std::vector<float> vector(const std::string& name, int size);

  // Bytes of the tensors handed out.
  size_t bytes() const { return bytes_; }

 private:
  struct Located {
    TensorEntry entry;
    const std::byte* data;
    const std::string* path;
  };
  const Located& find(const std::string& name, const std::vector<uint64_t>& shape) const;
  const void* checked(const Located& tensor, int threads);

  std::vector<std::string> paths_;
  std::vector<MappedFile> files_;
  std::unordered_map<std::string, Located> tensors_;
  std::list<std::vector<std::byte>> copies_;  // of misaligned tensors
  std::list<std::vector<float>> scales_;      // of matrices in I8
  size_t bytes_ = 0;
};

}  // namespace pathpress
