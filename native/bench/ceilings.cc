#include "ceilings.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "../engine/clock.h"
#include "../engine/errors.h"
#include "../engine/huge_buffer.h"
#include "../engine/kernels.h"
#include "../engine/thread_pool.h"
#include "probes.h"

namespace pathpress {

extern const Probe scalarProbe;
#ifdef PATHPRESS_X86
extern const Probe avx2Probe, avx512Probe, avx512Bf16Probe;
#endif

namespace {

template <class Round>
double bestSeconds(std::chrono::milliseconds time, const Round& round) {
  double best = 1e30;
  const auto end = Clock::now() + time;
  do {
    const auto start = Clock::now();
    round();
    best = std::min(best, secondsSince(start));
  } while (Clock::now() < end);
  return best;
}

}  // namespace

const Probe& probeFor(std::string_view kernels) {
  const std::string_view name = selectKernels(kernels).name;
#ifdef PATHPRESS_X86
  if (name.starts_with("avx512")) return __builtin_cpu_supports("avx512bf16") ? avx512Bf16Probe : avx512Probe;
  if (name.starts_with("avx2")) return avx2Probe;
#endif
  (void)name;
  return scalarProbe;
}

double readBandwidth(size_t bytes, int threads, std::string_view kernels) {
  constexpr size_t step = 1024;
  const Probe& probe = probeFor(kernels);
  ThreadPool pool(threads);
  // Small shares where the buffer is small: a thread that comes late must not decide the time.
  const size_t tasks = 8 * static_cast<size_t>(threads);
  const size_t share = std::max(step, bytes / tasks / step * step);
  const HugeBuffer buffer(share * tasks + 4096);
  pool.run(static_cast<int>(tasks), false,
           [&](int task, int) { std::memset(buffer.data() + static_cast<size_t>(task) * share, 1, share); });
  std::atomic<uint64_t> kept = 0;  // the result is used, so that reading is not optimized away
  double best = 0;
  for (const size_t ahead : {size_t{0}, size_t{2048}}) {
    const double seconds = bestSeconds(std::chrono::milliseconds(50), [&] {
      pool.run(static_cast<int>(tasks), false, [&](int task, int) {
        kept |= probe.read(buffer.data() + static_cast<size_t>(task) * share, share, ahead);
      });
    });
    best = std::max(best, static_cast<double>(share * tasks) / seconds);
  }
  return kept > 0 ? best : 0;
}

double roundTripSeconds() {
  constexpr int batches = 15, trips = 200;
  ThreadPool pool(2);
  alignas(128) std::atomic<int> ball = 0;  // even: here
  const auto pass = [&](int mine) {
    for (int spin = 0; ball.load(std::memory_order_acquire) != mine; ++spin) {
      if (spin > 1 << 16) std::this_thread::yield();  // both on one processor
    }
    ball.store(mine + 1, std::memory_order_release);
  };
  std::vector<double> seconds;
  // The two tasks run at once: either waits for the other, so that neither thread can take both.
  pool.run(2, false, [&](int player, int) {
    for (int batch = 0; batch < batches; ++batch) {
      const auto start = Clock::now();
      for (int trip = 0; trip < trips; ++trip) pass(2 * (batch * trips + trip) + player);
      if (player == 0) seconds.push_back(secondsSince(start) / trips);
    }
  });
  std::nth_element(seconds.begin(), seconds.begin() + batches / 2, seconds.end());
  return seconds[batches / 2];
}

OperationRate operationRate(DType type, int threads, std::string_view kernels, std::chrono::milliseconds time) {
  if (type != DType::f32 && type != DType::bf16) throw EngineError("BAD_OPTION", "no operation rate but of f32 and bf16");
  const Probe& probe = probeFor(kernels);
  const auto loop = type == DType::bf16 ? probe.dot : probe.multiplyAdd;
  if (!loop) return {0, 0};
  constexpr size_t rounds = 1 << 17;
  ThreadPool pool(threads);
  std::atomic<float> kept = 0;
  const int tasks = 8 * threads;
  int passes = 0;
  const auto start = Clock::now();
  const double best = bestSeconds(time, [&] {
    pool.run(tasks, false, [&](int, int) { kept = loop(rounds); });
    ++passes;
  });
  const double mean = secondsSince(start) / passes;
  const size_t one = type == DType::bf16 ? probe.dotOperationsARound : probe.operationsARound;
  const double operations = kept > 0 ? static_cast<double>(one * rounds) * tasks : 0;
  return {operations / best, operations / mean};
}

}  // namespace pathpress
