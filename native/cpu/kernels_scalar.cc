// The plain twin of the SIMD kernels: the reference in tests and the path on processors without AVX2.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

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
void matmulOf(const Matrix& weight, int begin, int end, const float* input, size_t inputStride, int tokens, float* out,
              size_t stride) {
  for (int r = begin; r < end; ++r) {
    const auto load = [&](int k) { return loadElement(weight.data, type, weight.index(r, k)); };
    for (int t = 0; t < tokens; ++t) {
      const auto token = static_cast<size_t>(t);
      const float scale = type == DType::i8 ? weight.scales[r] : 1.0f;
      out[token * stride + static_cast<size_t>(r)] = dotRow(load, input + token * inputStride, weight.cols) * scale;
    }
  }
}

void matmul(const Matrix& weight, int begin, int end, const float* input, size_t inputStride, int tokens, float* out,
            size_t stride, const std::byte*) {
  switch (weight.type) {
    case DType::f32: return matmulOf<DType::f32>(weight, begin, end, input, inputStride, tokens, out, stride);
    case DType::f16: return matmulOf<DType::f16>(weight, begin, end, input, inputStride, tokens, out, stride);
    case DType::bf16: return matmulOf<DType::bf16>(weight, begin, end, input, inputStride, tokens, out, stride);
    case DType::i8: return matmulOf<DType::i8>(weight, begin, end, input, inputStride, tokens, out, stride);
  }
}

template <DType type>
void attendQuery(const AttentionTask& task, int q) {
  const auto dim = static_cast<size_t>(task.dim);
  const auto rounded = [&](float value) { return task.rounded ? roundTo(value, DType::bf16) : value; };
  std::vector<float> query(task.query + static_cast<size_t>(q) * dim, task.query + static_cast<size_t>(q + 1) * dim);
  for (float& value : query) value = rounded(value);
  float* sums = task.sums + static_cast<size_t>(q) * dim;
  float* scores = task.scores + q * pieceEntries;
  const int seen = std::min(task.entries + q / task.group, pieceEntries);
  float top = std::numeric_limits<float>::lowest();
  for (int e = 0; e < seen; ++e) {
    const std::byte* page = task.pages[e / pageEntries];
    const auto slot = static_cast<size_t>(e % pageEntries);
    float sum = 0;
    for (size_t i = 0; i < dim; ++i) sum += query[i] * loadElement(page, type, i * pageEntries + slot);
    const bool masked = task.masks && !((task.masks[e] >> (q % task.group)) & 1u);
    scores[e] = masked ? -std::numeric_limits<float>::infinity() : sum * task.scale;
    top = std::max(top, scores[e]);
  }
  float total = 0;
  for (int e = 0; e < seen; ++e) total += scores[e] = std::exp(scores[e] - top);
  std::fill_n(sums, dim, 0.0f);
  for (int e = 0; e < seen; ++e) {
    const std::byte* page = task.pages[e / pageEntries];
    const size_t values = (pageEntries + static_cast<size_t>(e % pageEntries)) * dim;
    const float weight = rounded(scores[e]);
    for (size_t i = 0; i < dim; ++i) sums[i] += weight * loadElement(page, type, values + i);
  }
  task.tops[q] = top;
  task.totals[q] = total;
}

void attend(const AttentionTask& task) {
  for (int q = 0; q < task.rows * task.group; ++q) {
    task.type == DType::bf16 ? attendQuery<DType::bf16>(task, q) : attendQuery<DType::f32>(task, q);
  }
}

void join(const AttentionJoin& join) {
  const auto dim = static_cast<size_t>(join.dim);
  for (int h = 0; h < join.group; ++h) {
    float top = -std::numeric_limits<float>::infinity(), total = 0;
    const int pieces = (join.entries + pieceEntries - 1) / pieceEntries;
    const auto at = [&](int piece) { return static_cast<size_t>(piece * join.stride + h); };
    for (int p = 0; p < pieces; ++p) top = std::max(top, join.tops[at(p)]);
    for (int p = 0; p < pieces; ++p) total += std::exp(join.tops[at(p)] - top) * join.totals[at(p)];
    float* out = join.out + static_cast<size_t>(h) * dim;
    std::fill_n(out, dim, 0.0f);
    for (int p = 0; p < pieces; ++p) {
      const float share = std::exp(join.tops[at(p)] - top) / total;
      for (size_t i = 0; i < dim; ++i) out[i] += share * join.sums[at(p) * dim + i];
      for (int e = p * pieceEntries; join.weights && e < std::min(join.entries, (p + 1) * pieceEntries); ++e) {
        const float weight = join.scores[(p * join.group + h) * pieceEntries + e % pieceEntries];
        join.weights[e] = (h ? join.weights[e] : 0) + weight * share / static_cast<float>(join.group);
      }
    }
  }
}

void scoreKeys(const KeyScores& task) {
  const auto dim = static_cast<size_t>(task.dim);
  for (int r = 0; r < task.rows; ++r) {
    const float* query = task.queries + static_cast<size_t>(r) * dim;
    for (int e = 0; e < task.pages * pageEntries; ++e) {
      const std::byte* page = task.keys.pages[e / pageEntries];
      const auto slot = static_cast<size_t>(e % pageEntries);
      float sum = 0;
      for (size_t i = 0; i < dim; ++i) sum += query[i] * loadElement(page, task.keys.type, i * pageEntries + slot);
      task.out[static_cast<size_t>(r) * task.stride + static_cast<size_t>(e)] = sum * task.scale;
    }
  }
}

void addSoftmax(float* row, int count, float weight, float* to) {
  const float top = *std::max_element(row, row + count);
  float total = 0;
  for (int i = 0; i < count; ++i) total += row[i] = std::exp(row[i] - top);
  for (int i = 0; i < count; ++i) to[i] += row[i] * (weight / total);
}

void swiglu(float* gate, const float* up, size_t count) {
  for (size_t i = 0; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

size_t highest(const float* logits, size_t count) {
  if (!std::all_of(logits, logits + count, [](float logit) { return std::isfinite(logit); })) return count;
  return static_cast<size_t>(std::max_element(logits, logits + count) - logits);
}

double temper(const float* logits, size_t count, float top, double temperature, double* weights) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += weights[i] = std::exp(static_cast<double>(logits[i] - top) / temperature);
  return sum;
}

float widenElement(const uint8_t* codes, int bits, size_t index, uint16_t scale, uint16_t zero) {
  const auto byte = bits == 8 ? codes[index] : codes[index / 16 * 8 + index % 8];
  const int code = bits == 8 ? byte : index % 16 < 8 ? byte & 15 : byte >> 4;
  return static_cast<float>(code) * f16ToFloat(scale) + f16ToFloat(zero);
}

void widen(const PageCodes& page) {
  const auto dim = static_cast<size_t>(page.dim);
  for (size_t i = 0; i < dim * pageEntries; ++i) {
    const size_t channel = i / pageEntries, group = (i % dim / codeGroup) * pageEntries + i / dim;  // of the i-th of each
    page.out[i] = widenElement(page.keys, page.bits, i, page.keyScales[channel], page.keyZeros[channel]);
    page.out[dim * pageEntries + i] =
        widenElement(page.values, page.bits, i, page.valueScales[group], page.valueZeros[group]);
  }
}

}  // namespace

extern const Kernels scalarKernels;
const Kernels scalarKernels = {"scalar", matmul, 16, attend, join, scoreKeys, addSoftmax, swiglu, highest, temper, widen};

}  // namespace pathpress
