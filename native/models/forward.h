// The forward pass of every family: one batch of rows, each a token of some sequence, decode and prefill alike.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "../engine/aligned.h"
#include "attention.h"
#include "model.h"
#include "products.h"

namespace pathpress {

class Forward {
 public:
  Forward(const Model& model, const Kernels& kernels, ThreadPool& threads, ProductInput products);

  void run(std::span<const Row> rows);

  // Bytes of the buffers that a run of so many rows needs, attention's scores not counted.
  size_t workBytes(size_t rows, size_t wanted) const;

  // Logits of the i-th row that wanted them, in order; (vocab). Valid until the next run.
  std::span<const float> logits(size_t i) const;

  // Bytes that attention reads when it decodes one token after this cache's present entries: keys and values, and what
  // tells which of them to read.
  static int64_t readBytes(const SequenceCache& cache, const SideState& side);

 private:
  void resize(size_t rows);
  std::array<Product, 3> queryKeyValue(int layer);
  void rotaryAngles(std::span<const Row> rows);
  void addAndNormalize(const std::vector<float>* postNorm, const std::vector<float>& weight, size_t row, size_t to);
  void prepareHeads(std::span<const Row> rows, int layer);
  void outputLogits(std::span<const Row> rows);

  const Model& model_;
  const Kernels& kernels_;
  const float epsilon_;
  const Linear head_;
  ThreadPool& threads_;
  Products products_;
  Attention attention_;
  // Rows of these lie rowStride() apart.
  Aligned<float> state_, normed_;      // (rows, hidden)
  Aligned<float> query_, key_, value_; // (rows, heads·dim | kvHeads·dim)
  Aligned<float> mixed_;               // (rows, heads·dim)
  Aligned<float> branch_;              // (rows, hidden)
  Aligned<float> gate_, up_;           // (rows, intermediate)
  Aligned<float> cosine_, sine_;       // (rows, rotary.pairs)
  Aligned<float> logits_;              // (wanted, vocab)
  std::vector<size_t> wanted_;         // rows
};

}  // namespace pathpress
