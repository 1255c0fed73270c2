// Attention of one query token over the pages of one key-value head, written once over a vector type V (simd_kernels.h).
#pragma once

#include "simd_kernels.h"

namespace pathpress {

template <class Element>
static inline const typename Element::Storage* pageData(const std::byte* page) {
  return static_cast<const typename Element::Storage*>(static_cast<const void*>(page));
}

// Scores of H query heads against P pages: sums over the dimensions in order, sixteen entries side by side.
template <class V, class Element, int H, int P>
static inline void scoreTile(const AttentionTask& task, const float* query, int page, float* scores, size_t stride) {
  constexpr int vectors = pageEntries / V::width;
  typename V::Vec sums[H][P][vectors];
  for (int h = 0; h < H; ++h) {
    for (int p = 0; p < P; ++p) {
      for (int v = 0; v < vectors; ++v) sums[h][p][v] = V::zero();
    }
  }
  const typename Element::Storage* keys[P];
  for (int p = 0; p < P; ++p) keys[p] = pageData<Element>(task.pages[page + p]);
  for (int i = 0; i < task.dim; ++i) {
    typename V::Vec q[H];
    for (int h = 0; h < H; ++h) q[h] = V::set(query[h * task.dim + i]);
    for (int p = 0; p < P; ++p) {
      for (int v = 0; v < vectors; ++v) {
        const auto key = V::load(Element{}, keys[p] + i * pageEntries + v * V::width);
        for (int h = 0; h < H; ++h) sums[h][p][v] = V::fma(q[h], key, sums[h][p][v]);
      }
    }
  }
  const auto scale = V::set(task.scale);
  for (int h = 0; h < H; ++h) {
    for (int p = 0; p < P; ++p) {
      float* to = scores + static_cast<size_t>(h) * stride + static_cast<size_t>((page + p) * pageEntries);
      for (int v = 0; v < vectors; ++v) V::store(to + v * V::width, V::multiply(scale, sums[h][p][v]));
    }
  }
}

// Turns a row of scores into weights exp(score - max); entries past the end and masked ones weigh nothing. Returns the sum.
template <class V>
static inline float softmaxRow(const AttentionTask& task, int head, float* row, int padded) {
  constexpr float lowest = -__builtin_inff();
  for (int e = task.entries; e < padded; ++e) row[e] = lowest;
  if (task.masks) {
    for (int e = 0; e < task.entries; ++e) {
      if (!((task.masks[e] >> head) & 1u)) row[e] = lowest;
    }
  }
  auto top = V::set(lowest);
  for (int e = 0; e < padded; e += V::width) top = V::maximum(top, V::load(row + e));
  top = V::set(V::largest(top));
  auto total = V::zero();
  for (int e = 0; e < padded; e += V::width) {
    const auto weight = V::exp(V::subtract(V::load(row + e), top));
    V::store(row + e, weight);
    total = V::add(total, weight);
  }
  return V::sum(total);
}

// Weighted values of H query heads, J vectors of channels from `channel` on; `rest` channels where J is a part of one.
template <class V, class Element, int H, int J>
static inline void mixTile(const AttentionTask& task, int channel, int rest, const float* weights, size_t stride,
                           const float* totals, float* out) {
  typename V::Vec sums[H][J];
  for (int h = 0; h < H; ++h) {
    for (int j = 0; j < J; ++j) sums[h][j] = V::zero();
  }
  for (int first = 0; first < task.entries; first += pageEntries) {
    const auto* values = pageData<Element>(task.pages[first / pageEntries]) + pageEntries * task.dim + channel;
    const int count = task.entries - first < pageEntries ? task.entries - first : pageEntries;
    for (int e = 0; e < count; ++e) {
      typename V::Vec value[J];
      for (int j = 0; j < J; ++j) {
        const auto* from = values + e * task.dim + j * V::width;
        value[j] = rest < V::width ? V::loadPart(Element{}, from, rest) : V::load(Element{}, from);
      }
      for (int h = 0; h < H; ++h) {
        const auto weight = V::set(weights[static_cast<size_t>(h) * stride + static_cast<size_t>(first + e)]);
        for (int j = 0; j < J; ++j) sums[h][j] = V::fma(weight, value[j], sums[h][j]);
      }
    }
  }
  for (int h = 0; h < H; ++h) {
    const auto total = V::set(totals[h]);
    for (int j = 0; j < J; ++j) {
      float* to = out + h * task.dim + channel + j * V::width;
      const auto mean = V::divide(sums[h][j], total);
      if (rest < V::width) V::storePart(to, mean, rest);
      else V::store(to, mean);
    }
  }
}

// Adds the softmax of H query heads to the group's mean, which its first head begins.
template <class V, int H>
static void addWeights(const AttentionTask& task, int head, const float* scores, size_t stride, const float* totals) {
  typename V::Vec shares[H];
  for (int h = 0; h < H; ++h) shares[h] = V::set(1.0f / (totals[h] * static_cast<float>(task.group)));
  for (size_t e = 0; e < stride; e += V::width) {
    auto sum = head ? V::load(task.weights + e) : V::zero();
    for (int h = 0; h < H; ++h) {
      sum = V::add(sum, V::multiply(shares[h], V::load(scores + static_cast<size_t>(h) * stride + e)));
    }
    V::store(task.weights + e, sum);
  }
}

template <class V, class Element, int H>
static void attendHeads(const AttentionTask& task, int head) {
  constexpr int P = H <= 2 || V::width == pageEntries ? 2 : 1;
  const int pages = (task.entries + pageEntries - 1) / pageEntries;
  const int padded = pages * pageEntries;
  const auto stride = static_cast<size_t>(padded);
  const float* query = task.query + head * task.dim;
  float* scores = task.scores + static_cast<size_t>(head) * stride;
  float* out = task.out + head * task.dim;

  int page = 0;
  for (; page + P <= pages; page += P) scoreTile<V, Element, H, P>(task, query, page, scores, stride);
  for (; page < pages; ++page) scoreTile<V, Element, H, 1>(task, query, page, scores, stride);

  float totals[H];
  for (int h = 0; h < H; ++h) {
    totals[h] = softmaxRow<V>(task, head + h, scores + static_cast<size_t>(h) * stride, padded);
  }

  if (task.weights) addWeights<V, H>(task, head, scores, stride, totals);

  int channel = 0;
  for (; channel + 2 * V::width <= task.dim; channel += 2 * V::width) {
    mixTile<V, Element, H, 2>(task, channel, V::width, scores, stride, totals, out);
  }
  for (; channel + V::width <= task.dim; channel += V::width) {
    mixTile<V, Element, H, 1>(task, channel, V::width, scores, stride, totals, out);
  }
  if (channel < task.dim) mixTile<V, Element, H, 1>(task, channel, task.dim - channel, scores, stride, totals, out);
}

template <class V, class Element>
static void attendGroup(const AttentionTask& task) {
  int head = 0;
  for (; head + 4 <= task.group; head += 4) attendHeads<V, Element, 4>(task, head);
  switch (task.group - head) {
    case 3: return attendHeads<V, Element, 3>(task, head);
    case 2: return attendHeads<V, Element, 2>(task, head);
    case 1: return attendHeads<V, Element, 1>(task, head);
    default: return;
  }
}

template <class V>
static void simdAttend(const AttentionTask& task) {
  task.type == DType::bf16 ? attendGroup<V, ElementBf16>(task) : attendGroup<V, ElementF32>(task);
}

}  // namespace pathpress
