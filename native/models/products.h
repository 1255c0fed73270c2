// Products of weights and a batch of inputs on the engine's threads.
#pragma once

#include <span>
#include <string>

#include "../engine/aligned.h"
#include "../engine/kernels.h"
#include "../engine/shares.h"
#include "../engine/thread_pool.h"
#include "model.h"

namespace pathpress {

struct Product {
  const Linear* linear;
  float* out;  // (rows, linear.weight.rows), rows rowStride() apart
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
      : kernels_(kernels), threads_(threads), seen_(seen), shares_(threads) {}

  // Several products of one input (rows, linear.weight.cols), rows rowStride() apart, the same for all, in one job.
  // Before that make(row) fills each row of the input, on the threads too. Meanwhile the weights are fetched with which each
  // thread begins `next`, the job after it.
  template <class Make>
  void run(std::span<const Product> products, const float* input, size_t rows, std::span<const Product> next,
           const Make& make) {
    const auto cols = static_cast<size_t>(products[0].linear->weight.cols);
    const Seen seen = seenOf(products, rows);
    shares_.each(rows, cols, [&](size_t row) {
      make(row);
      round(seen, input + row * rowStride<float>(cols), row, cols);
    });
    multiply(products, seen.floats ? rounded_.data() : input, rows, next);
  }

  // Bytes that inputs of so many rows, at most `cols` wide, need beside themselves.
  size_t workBytes(size_t rows, size_t cols) const {
    return seen_ == ProductInput::bf16 ? rows * rowStride<float>(cols) * sizeof(float) : 0;
  }

 private:
  // The types to which an input is rounded.
  struct Seen {
    bool floats, halves;
  };

  bool halved(const Product& product) const;
  Seen seenOf(std::span<const Product> products, size_t rows);
  void round(Seen seen, const float* from, size_t row, size_t cols);
  void multiply(std::span<const Product> products, const float* floats, size_t rows, std::span<const Product> next);
  void runTask(std::span<const Product> products, int task, int rowsATask, const float* floats, size_t rows,
               const std::byte* next);

  const Kernels& kernels_;
  ThreadPool& threads_;
  ProductInput seen_;
  Shares shares_;
  Aligned<float> rounded_;    // (rows, cols), rows rowStride() apart, for products in float32
  Aligned<uint16_t> halves_;  // likewise, for the processor's own
};

}  // namespace pathpress
