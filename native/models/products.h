// Products of weights and a batch of inputs on the engine's threads.
#pragma once

#include <span>

#include "../engine/kernels.h"
#include "../engine/thread_pool.h"
#include "model.h"

namespace pathpress {

struct Product {
  const Linear* linear;
  float* out;  // (rows, linear.weight.rows)
};

class Products {
 public:
  Products(const Kernels& kernels, ThreadPool& threads) : kernels_(kernels), threads_(threads) {}

  // Several products of one input (rows, linear.weight.cols), the same for all, in one parallel job.
  void run(std::span<const Product> products, const float* input, size_t rows);

 private:
  const Kernels& kernels_;
  ThreadPool& threads_;
};

}  // namespace pathpress
