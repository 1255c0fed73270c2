// What a CPU back end computes. Raw pointers and shapes only. Every output element is summed in an order that depends on
// the shapes alone, never on how many tokens or threads share the call: a sequence's tokens are the same in any batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "matrix.h"

namespace pathpress {

// Entries in a page. A page holds, for one sequence, layer and key-value head, keys (dim, 16) and then values (16, dim):
// keys lie transposed, so that sixteen scores are summed side by side without a horizontal addition.
constexpr int pageEntries = 16;

// One query token against the entries of one key-value head.
struct AttentionTask {
  const std::byte* const* pages;
  int entries;
  int dim;
  int group;              // query heads that share the key-value head
  DType type;             // of the page: f32 or bf16
  float scale;            // 1 / sqrt(dim)
  const float* query;     // (group, dim)
  const uint32_t* masks;  // (entries): bit h lets query head h see the entry; null where all see all
  float* scores;          // scratch (group, entries rounded up to 16)
  float* out;             // (group, dim)
  float* weights;         // (entries rounded up to 16): mean over the group of the softmax; null where nobody asks
};

struct Kernels {
  const char* name;
  // out[t·stride + r] = Σ_k weight[r][k] · input[t·cols + k] for rows [begin, end) and every token.
  void (*matmul)(const Matrix& weight, int begin, int end, const float* input, int tokens, float* out, size_t stride);
  void (*attend)(const AttentionTask& task);
  // gate[i] = silu(gate[i]) · up[i]
  void (*swiglu)(float* gate, const float* up, size_t count);
};

// Those that this processor can run, plainest first: scalar, avx2, avx512.
std::span<const Kernels* const> availableKernels();

// The fastest available, or the one called `name` where not empty; throws EngineError BAD_OPTION where it is not there.
const Kernels& selectKernels(std::string_view name);

}  // namespace pathpress
