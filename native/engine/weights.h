// All tensors of a checkpoint, by name, over one or several safetensors files. Matrices are packed where there is room:
// every token reads them whole, and in a mapped file they lie on small pages, whose addresses take longer to translate
// than the numbers take to come, and not in the order in which products read them.
#pragma once

#include <list>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "huge_buffer.h"
#include "mapped_file.h"
#include "matrix.h"
#include "safetensors.h"

namespace pathpress {

class Weights {
 public:
  // Matrices of up to `room` bytes together are copied when they are asked for. Throws EngineError BAD_FILE or
  // BAD_TENSOR; a name in two files is BAD_TENSOR.
  explicit Weights(const std::vector<std::string>& paths, size_t room = 0);

  // Of every tensor, in no order.
  auto names() const { return std::views::keys(tensors_); }

  // Whether there are two tensors of these names that hold something else.
  bool differ(const std::string& one, const std::string& other) const;

  // Throws EngineError BAD_TENSOR where the tensor is missing, has another shape (both are named) or a type that is not
  // F32, F16 or BF16; a matrix may also be I8, with a tensor "<name>_scale" of a scale a row. BAD_WEIGHTS where it holds
  // NaN or infinity. Every element is looked at, on `threads` threads.
  Matrix matrix(const std::string& name, int rows, int cols, int threads);
  // A matrix that holds the rows of several, one after the other: each for itself.
  std::vector<Matrix> matrices(const std::string& name, std::span<const int> rows, int cols, int threads);
  std::vector<float> vector(const std::string& name, int size);

  // Bytes of the tensors handed out.
  size_t bytes() const { return bytes_; }

  // Whether matrices lie in memory, packed (matrix.h), on large pages where the system gives them, each on a cache line's
  // boundary; else in the files, of which those above 64 MiB are mapped.
  bool copied() const { return memory_ != nullptr; }
  bool inFiles() const { return !files_.empty(); }

  // No more tensors are asked for: files whose matrices were copied are let go.
  void closeFiles();
  // What was handed out is read no more: files and copies are let go.
  void release();

 private:
  struct Located {
    TensorEntry entry;
    const std::byte* data;
    const std::string* path;
  };
  const Located& find(const std::string& name, const std::vector<uint64_t>& shape) const;
  static DType typeOf(const Located& tensor);
  static std::string nameOf(const Located& tensor);
  void check(const Located& tensor, DType type, int threads);
  std::byte* place(size_t bytes);

  std::vector<std::string> paths_;
  std::vector<MappedFile> files_;
  std::unordered_map<std::string, Located> tensors_;
  std::unique_ptr<HugeBuffer> memory_;
  std::span<std::byte> left_;                 // of memory_
  std::list<std::vector<std::byte>> copies_;  // of misaligned tensors
  std::list<std::vector<float>> scales_;      // of matrices in I8
  size_t bytes_ = 0;
};

}  // namespace pathpress
