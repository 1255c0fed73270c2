// The plain twin of the SIMD kernels: the reference in tests and the path on processors without AVX2.
#include <cmath>
#include <limits>

#include "../engine/kernels.h"

namespace pathpress {
namespace {

constexpr int lanes = 8;  // independent sums, so that a compiler may keep them in one register

template <class Load>
float dotRow(Load load, const float* input, int cols) {
  float sums[lanes] = {};
  int k = 0;
  for (; k + lanes <= cols; k += lanes) {
    for (int i = 0; i < lanes; ++i) sums[i] += load(k + i) * input[k + i];
  }
  for (int i = 0; k < cols; ++k, ++i) sums[i] += load(k) * input[k];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

template <DType type>
void matmulOf(const Matrix& weight, int begin, int end, const float* input, int tokens, float* out, size_t stride) {
  const auto cols = static_cast<size_t>(weight.cols);
  for (int r = begin; r < end; ++r) {
    const size_t row = static_cast<size_t>(r) * cols;
    const auto load = [&](int k) { return loadElement(weight.data, type, row + static_cast<size_t>(k)); };
    for (int t = 0; t < tokens; ++t) {
      const auto token = static_cast<size_t>(t);
      out[token * stride + static_cast<size_t>(r)] = dotRow(load, input + token * cols, weight.cols);
    }
  }
}

void matmul(const Matrix& weight, int begin, int end, const float* input, int tokens, float* out, size_t stride) {
  switch (weight.type) {
    case DType::f32: return matmulOf<DType::f32>(weight, begin, end, input, tokens, out, stride);
    case DType::f16: return matmulOf<DType::f16>(weight, begin, end, input, tokens, out, stride);
    case DType::bf16: return matmulOf<DType::bf16>(weight, begin, end, input, tokens, out, stride);
  }
}

template <DType type>
void attendHead(const AttentionTask& task, int head) {
  const auto dim = static_cast<size_t>(task.dim);
  const float* query = task.query + static_cast<size_t>(head) * dim;
  float* out = task.out + static_cast<size_t>(head) * dim;
  float* scores = task.scores;
  float top = -std::numeric_limits<float>::infinity();
  for (int e = 0; e < task.entries; ++e) {
    const std::byte* page = task.pages[e / pageEntries];
    const auto slot = static_cast<size_t>(e % pageEntries);
    float sum = 0;
    for (size_t i = 0; i < dim; ++i) sum += query[i] * loadElement(page, type, i * pageEntries + slot);
    const bool seen = !task.masks || ((task.masks[e] >> head) & 1u);
    scores[e] = seen ? sum * task.scale : -std::numeric_limits<float>::infinity();
    if (scores[e] > top) top = scores[e];
  }
  float total = 0;
  for (int e = 0; e < task.entries; ++e) total += scores[e] = std::exp(scores[e] - top);
  if (task.weights) {
    const float share = 1.0f / (total * static_cast<float>(task.group));
    for (int e = 0; e < task.entries; ++e) task.weights[e] = (head ? task.weights[e] : 0) + scores[e] * share;
  }
  for (size_t i = 0; i < dim; ++i) out[i] = 0;
  for (int e = 0; e < task.entries; ++e) {
    const std::byte* page = task.pages[e / pageEntries];
    const size_t values = (pageEntries + static_cast<size_t>(e % pageEntries)) * dim;
    for (size_t i = 0; i < dim; ++i) out[i] += scores[e] * loadElement(page, type, values + i);
  }
  for (size_t i = 0; i < dim; ++i) out[i] /= total;
}

void attend(const AttentionTask& task) {
  for (int head = 0; head < task.group; ++head) {
    task.type == DType::bf16 ? attendHead<DType::bf16>(task, head) : attendHead<DType::f32>(task, head);
  }
}

void swiglu(float* gate, const float* up, size_t count) {
  for (size_t i = 0; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

}  // namespace

extern const Kernels scalarKernels;
const Kernels scalarKernels = {"scalar", matmul, attend, swiglu};

}  // namespace pathpress
