// Votes of query rows on keys (vote_task.h), written once over a vector type V (simd_kernels.h).
#pragma once

#include "../engine/vote_task.h"
#include "simd_scores.h"

namespace pathpress {

template <class V, class Element>
static void scoreKeysOf(const KeyScores& task) {
  for (int q = 0; q < task.rows; q += V::headTile) {
    withCount<V::headTile>(task.rows - q < V::headTile ? task.rows - q : V::headTile, [&]<int H>() {
      constexpr int P = pagesTogether<V, H>();
      const auto tile = [&]<int pages>(int page) {
        float* to = task.out + static_cast<size_t>(q) * task.stride + page * pageEntries;
        scoreTile<V, Element, H, pages>(task.keys.pages + page, task.queries + q * task.dim, task.dim, task.scale, to,
                                        task.stride, nullptr, nullptr);
      };
      int page = 0;
      for (; page + P <= task.pages; page += P) tile.template operator()<P>(page);
      for (; page < task.pages; ++page) tile.template operator()<1>(page);
    });
  }
}

template <class V>
static void simdScoreKeys(const KeyScores& task) {
  task.keys.type == DType::bf16 ? scoreKeysOf<V, ElementBf16>(task) : scoreKeysOf<V, ElementF32>(task);
}

template <class V>
static void simdAddSoftmax(float* row, int count, float weight, float* to) {
  const int padded = (count + pageEntries - 1) / pageEntries * pageEntries;
  for (int i = count; i < padded; ++i) row[i] = -__builtin_inff();
  auto tops = V::set(-__FLT_MAX__);
  for (int i = 0; i < padded; i += V::width) tops = V::maximum(tops, V::load(row + i));
  const auto top = V::set(V::largest(tops));
  auto total = V::zero();
  for (int i = 0; i < padded; i += V::width) {
    const auto own = V::exp(V::subtract(V::load(row + i), top));
    V::store(row + i, own);
    total = V::add(total, own);
  }
  const auto share = V::set(weight / V::sum(total));
  for (int i = 0; i < padded; i += V::width) V::store(to + i, V::fma(V::load(row + i), share, V::load(to + i)));
}

}  // namespace pathpress
