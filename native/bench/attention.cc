#include "attention.h"

#include "../engine/aligned.h"
#include "../engine/block_pool.h"
#include "../engine/clock.h"
#include "../engine/kernels.h"
#include "../engine/sequence_cache.h"
#include "../engine/thread_pool.h"
#include "../models/attention.h"

namespace pathpress {

std::vector<double> attentionSeconds(const AttentionWork& work, int rounds) {
  const Kernels& kernels = selectKernels(work.kernels);
  ThreadPool threads(work.threads);
  const CacheShape shape{1, work.kvHeads, {work.dim, work.type}};
  BlockPool pool(shape.page.bytes(), SIZE_MAX / 2);
  std::vector<std::unique_ptr<SequenceCache>> caches;
  for (int s = 0; s < work.sequences; ++s) {
    caches.push_back(std::make_unique<SequenceCache>(pool, shape, CacheTracking{}));
    caches.back()->reserve(work.entries);
  }
  const int tasks = work.sequences * work.kvHeads;
  threads.run(tasks, false, [&](int task, int) {
    caches[static_cast<size_t>(task / work.kvHeads)]->makeUp(0, task % work.kvHeads, work.entries);
  });
  ModelConfig config;
  config.headDim = work.dim;
  config.kvHeads = work.kvHeads;
  config.heads = work.kvHeads * work.group;
  const Rotary rotary;
  const std::vector<float> frequencies;
  Attention attention(config, rotary, frequencies, kernels, threads, false, work.products);
  std::vector<Row> rows;
  for (auto& cache : caches) rows.push_back({0, work.entries - 1, work.entries - 1, cache.get(), nullptr, false});
  Aligned<float> queries(rows.size() * rowStride<float>(static_cast<size_t>(config.queryWidth())), 0.1f), mixed(queries.size());
  std::vector<double> seconds;
  for (int round = 0; round <= rounds; ++round) {
    const auto start = Clock::now();
    attention.run(rows, 0, queries, mixed);
    if (round > 0) seconds.push_back(secondsSince(start));
  }
  return seconds;
}

}  // namespace pathpress
