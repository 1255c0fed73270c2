#include "attention.h"

#include <chrono>
#include <cmath>

#include "../engine/block_pool.h"
#include "../engine/kernels.h"
#include "../engine/sequence_cache.h"
#include "../engine/thread_pool.h"

namespace pathpress {

std::vector<double> attentionSeconds(const AttentionWork& work, int rounds) {
  using Clock = std::chrono::steady_clock;
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
  const auto width = static_cast<size_t>(work.group * work.dim);
  std::vector<float> queries(static_cast<size_t>(tasks) * width, 0.1f), outs(queries.size());
  std::vector<std::vector<float>> scores(static_cast<size_t>(work.threads));
  for (auto& of : scores) of.resize(static_cast<size_t>(work.group) * static_cast<size_t>(work.entries + pageEntries));
  std::vector<double> seconds;
  for (int round = 0; round <= rounds; ++round) {
    const auto start = Clock::now();
    threads.run(tasks, false, [&](int index, int worker) {
      const HeadCache& cache = caches[static_cast<size_t>(index / work.kvHeads)]->head(0, index % work.kvHeads);
      const size_t at = static_cast<size_t>(index) * width;
      AttentionTask task{};
      task.pages = cache.blocks.data();
      task.entries = work.entries;
      task.dim = work.dim;
      task.group = work.group;
      task.type = work.type;
      task.scale = 1.0f / std::sqrt(static_cast<float>(work.dim));
      task.query = queries.data() + at;
      task.scores = scores[static_cast<size_t>(worker)].data();
      task.out = outs.data() + at;
      kernels.attend(task);
    });
    if (round > 0) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  return seconds;
}

}  // namespace pathpress
