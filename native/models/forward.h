// The forward pass of every family: one batch of rows, each a token of some sequence, decode and prefill alike.
#pragma once

#include <span>
#include <vector>

#include "attention.h"
#include "model.h"

namespace pathpress {

class Forward {
 public:
  Forward(const Model& model, const Kernels& kernels, ThreadPool& threads);

  void run(std::span<const Row> rows);

  // Bytes of the buffers that a run of so many rows needs, attention's scores not counted.
  size_t workBytes(size_t rows, size_t wanted) const;

  // Logits of the i-th row that wanted them, in order; (vocab). Valid until the next run.
  std::span<const float> logits(size_t i) const;

  // Bytes that attention reads when it decodes one token after this cache's present entries: keys and values, and what
  // tells which of them to read.
  static int64_t readBytes(const SequenceCache& cache, const SideState& side);

 private:
  struct Product {
    const Linear* linear;
    float* out;  // (rows, linear.weight.rows)
  };
  void resize(size_t rows);
  void rotaryAngles(std::span<const Row> rows);
  void normalize(const std::vector<float>& weight, const std::vector<float>& from, size_t rows);  // into normed_
  void multiply(std::span<const Product> products, const float* input, size_t rows);
  void prepareHeads(std::span<const Row> rows, int layer);
  void addBranch(const std::vector<float>& postNorm, size_t rows);
  void outputLogits(std::span<const Row> rows);

  const Model& model_;
  const Kernels& kernels_;
  ThreadPool& threads_;
  const float epsilon_;
  Attention attention_;
  std::vector<float> state_, normed_;      // (rows, hidden)
  std::vector<float> query_, key_, value_; // (rows, heads·dim | kvHeads·dim)
  std::vector<float> mixed_;               // (rows, heads·dim)
  std::vector<float> branch_;              // (rows, hidden)
  std::vector<float> gate_, up_;           // (rows, intermediate)
  std::vector<float> cosine_, sine_;       // (rows, rotary.pairs)
  std::vector<float> chosen_, logits_;     // (wanted, hidden), (wanted, vocab)
};

}  // namespace pathpress
