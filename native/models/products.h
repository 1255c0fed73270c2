// Products of weights and a batch of inputs on the engine's threads.
#pragma once

#include <span>
#include <string>

#include "../engine/aligned.h"
#include "../engine/each_row.h"
#include "../engine/kernels.h"
#include "../engine/thread_pool.h"
#include "model.h"

namespace pathpress {

struct Product {
  const Linear* linear;
  float* out;  // (rows, linear.weight.rows), rows rowStride() apart
};

// Products of one input (rows, linear.weight.cols), rows rowStride() apart.
struct ProductJob {
  std::span<const Product> products;
  // They are two, and of an element a of the first and b of the second the first becomes silu(a)·b; then it is the input of
  // the next job (Products::runOnGated). The threads that made both do it, who have them near.
  bool gated = false;
};

// What a product sees of its input, or of a query and the weights of attention. bf16: rounded to bfloat16, as PyTorch's
// bfloat16 models do; with weights, or pages, of bfloat16 the processor's own instruction is used where there is one, else
// the rounded input is multiplied in float32: that differs by the order of summation, and by what is below 2^-126, which
// the instruction takes for zero.
enum class ProductInput : uint8_t { float32, bf16 };

// By its name, float32 where that is empty; throws EngineError BAD_OPTION for another.
ProductInput productInputOf(const std::string& name);

class Products {
 public:
  Products(const Kernels& kernels, ThreadPool& threads, ProductInput seen)
      : kernels_(kernels), threads_(threads), seen_(seen) {}

  // Before it make(row) fills each row of the input, on the threads too. Meanwhile the weights are fetched with which each
  // thread begins `next`, the job after it.
  template <class Make>
  void run(const ProductJob& job, const float* input, size_t rows, const ProductJob& next, const Make& make) {
    const size_t cols = colsOf(job);
    const Seen seen = makeRoom(made_, job, rows);
    eachRow(threads_, rows, cols, [&](size_t row) {
      make(row);
      round(made_, seen, input + row * rowStride<float>(cols), row, cols, 0, cols);
    });
    multiply(job, {seen.floats ? made_.floats.data() : input, made_.halves.data()}, rows, next);
  }
  // Of an input that is there.
  void run(const ProductJob& job, const float* input, size_t rows, const ProductJob& next) {
    if (seen_ == ProductInput::bf16) run(job, input, rows, next, [](size_t) {});
    else multiply(job, {input, nullptr}, rows, next);
  }
  // Of the first output of the gated job before it.
  void runOnGated(const ProductJob& job, const float* input, size_t rows, const ProductJob& next) {
    const bool floats = seenOf(job).floats;
    multiply(job, {floats ? gated_.floats.data() : input, gated_.halves.data()}, rows, next);
  }

  // Bytes that inputs of so many rows need beside themselves: the widest that is made, and what a gated job leaves.
  size_t workBytes(size_t rows, size_t made, size_t gated) const {
    return seen_ == ProductInput::bf16 ? rows * (rowStride<float>(made) + rowStride<float>(gated)) * sizeof(float) : 0;
  }

 private:
  // The types to which an input is rounded.
  struct Seen {
    bool floats, halves;
  };
  // Rows of an input, (rows, cols), rows rowStride() apart: for products in float32, and for the processor's own.
  struct Rounded {
    Aligned<float> floats;
    Aligned<uint16_t> halves;
  };
  struct Input {
    const float* floats;
    const uint16_t* halves;
  };

  static size_t colsOf(const ProductJob& job) { return static_cast<size_t>(job.products[0].linear->weight.cols); }
  bool halved(const Product& product) const;
  Seen seenOf(const ProductJob& job) const;
  Seen makeRoom(Rounded& to, const ProductJob& job, size_t rows) const;
  void round(Rounded& to, Seen seen, const float* from, size_t row, size_t cols, size_t begin, size_t end) const;
  void multiply(const ProductJob& job, const Input& input, size_t rows, const ProductJob& next);
  void runTask(const Product& product, int begin, int end, const Input& input, size_t rows, const std::byte* next) const;
  void gate(const ProductJob& job, int begin, int end, size_t rows, Seen seen);

  const Kernels& kernels_;
  ThreadPool& threads_;
  ProductInput seen_;
  Rounded made_, gated_;
};

}  // namespace pathpress
