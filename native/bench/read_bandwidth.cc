#include "read_bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "../engine/thread_pool.h"

namespace pathpress {
namespace {

uint64_t sum(const uint64_t* from, size_t count) {
  uint64_t sums[16] = {};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (size_t j = 0; j < 16; ++j) sums[j] += from[i + j];
  }
  for (; i < count; ++i) sums[0] += from[i];
  uint64_t total = 0;
  for (const uint64_t part : sums) total += part;
  return total;
}

}  // namespace

double readBandwidth(size_t bytes, int threads) {
  using Clock = std::chrono::steady_clock;
  const std::vector<uint64_t> buffer(std::max<size_t>(1, bytes / sizeof(uint64_t)), 1);
  ThreadPool pool(threads);
  const int tasks = 8 * threads;
  const size_t share = (buffer.size() + static_cast<size_t>(tasks) - 1) / static_cast<size_t>(tasks);
  std::atomic<uint64_t> kept = 0;  // the sum is used, so that reading it is not optimized away
  double best = 0;
  const auto end = Clock::now() + std::chrono::milliseconds(1500);
  do {
    const auto start = Clock::now();
    pool.run(tasks, false, [&](int task, int) {
      const size_t begin = std::min(buffer.size(), static_cast<size_t>(task) * share);
      kept += sum(buffer.data() + begin, std::min(share, buffer.size() - begin));
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, static_cast<double>(buffer.size() * sizeof(uint64_t)) / seconds);
  } while (Clock::now() < end);
  return kept > 0 ? best : 0;
}

}  // namespace pathpress
