// What a CPU back end computes. Raw pointers and shapes only. Every output element is summed in an order that depends on
// the shapes alone, never on how many tokens or threads share the call: a sequence's tokens are the same in any batch.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "attention_task.h"
#include "matrix.h"
#include "page_codes.h"
#include "vote_task.h"

namespace pathpress {

// Products whose inputs were rounded to bfloat16, for weights and pages of bfloat16: twice the rate where the processor has
// them.
struct Bf16Kernels {
  // To nearest, ties to even; what is below 2^-126 becomes zero.
  void (*round)(const float* from, size_t count, uint16_t* to);
  void (*matmul)(const Matrix& weight, int begin, int end, const uint16_t* input, size_t inputStride, int tokens, float* out,
                 size_t stride, const std::byte* next);
  void (*attend)(const AttentionTask& task);  // `rounded`, on pages of bfloat16
};

struct Kernels {
  const char* name;
  // out[t·stride + r] = Σ_k weight[r][k] · input[t·inputStride + k] for rows [begin, end) and every token. `next`: packed
  // rows that the thread multiplies afterwards, whose memory may be fetched meanwhile; null where nobody knows.
  void (*matmul)(const Matrix& weight, int begin, int end, const float* input, size_t inputStride, int tokens, float* out,
                 size_t stride, const std::byte* next);
  // Queries that attend() takes best at a time: whole tiles, whose scores of a piece stay in the first cache.
  int queriesTogether;
  void (*attend)(const AttentionTask& task);
  void (*join)(const AttentionJoin& join);
  void (*scoreKeys)(const KeyScores& task);
  // to[i] += weight · softmax of row [0, count); row is overwritten, and both have room for count rounded up to 16.
  void (*addSoftmax)(float* row, int count, float weight, float* to);
  // gate[i] = silu(gate[i]) · up[i]
  void (*swiglu)(float* gate, const float* up, size_t count);
  // The index of the largest of count > 0, the lowest of several; count where one is NaN or infinite.
  size_t (*highest)(const float* logits, size_t count);
  // weights[i] = exp((logits[i] - top) / temperature) for i in [0, count), none above top; returns their sum.
  double (*temper)(const float* logits, size_t count, float top, double temperature, double* weights);
  void (*widen)(const PageCodes& page);
  const Bf16Kernels* bf16 = nullptr;  // null where the processor has no instruction for them
};

// Those that this processor can run, plainest first: scalar, avx2, avx512; scalar, neon.
std::span<const Kernels* const> availableKernels();

// The fastest available, or the one called `name` where not empty; throws EngineError BAD_OPTION where it is not there.
const Kernels& selectKernels(std::string_view name);

}  // namespace pathpress
