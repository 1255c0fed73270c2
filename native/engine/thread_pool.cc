#include "thread_pool.h"

#include <utility>

#include "threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pathpress {
namespace {

constexpr int spins = 2000;  // some 20 µs: longer than the pause between two operations, short of a scheduler's slice
constexpr uint64_t unclaimed = 0xFFFFFFFFu;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  workers_.reserve(static_cast<size_t>(threads > 1 ? threads - 1 : 0));
  try {
    for (int worker = 1; worker < threads; ++worker) {
      workers_.push_back(startThread(worker + 1, threads, [this, worker] { work(worker); }));
    }
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping_ = true;
  wake_.fetch_add(1);
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::start(int tasks, Call call, const void* context) {
  call_.store(call, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  pending_.store(tasks, std::memory_order_relaxed);
  const uint64_t job = (open_.load(std::memory_order_relaxed) >> 32) + 1;
  open_.store((job << 32) | static_cast<uint32_t>(tasks));
  wake_.fetch_add(1);
  if (parked_.load() > 0) wake_.notify_all();
  while (runOne(0)) {
  }
  for (int spin = 0; pending_.load(std::memory_order_acquire) > 0; ++spin) {
    if (spin < spins) pause();
    else std::this_thread::yield();
  }
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

// Runs one task if there is one to claim.
bool ThreadPool::runOne(int worker) {
  uint64_t open = open_.load(std::memory_order_acquire);
  while ((open & unclaimed) > 0) {
    const Call call = call_.load(std::memory_order_relaxed);
    const void* context = context_.load(std::memory_order_relaxed);
    if (open_.compare_exchange_weak(open, open - 1, std::memory_order_acq_rel)) {
      // An exception must not leave a worker's thread, nor start() while others still run the job.
      try {
        if (!cancelled() && !failed_.load(std::memory_order_relaxed)) {
          call(context, static_cast<int>(open & unclaimed) - 1, worker);
        }
      } catch (...) {
        if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
      }
      pending_.fetch_sub(1, std::memory_order_release);
      return true;
    }
  }
  return false;
}

void ThreadPool::work(int worker) {
  while (true) {
    const uint32_t seen = wake_.load();
    while (runOne(worker)) {
    }
    for (int spin = 0; spin < spins && wake_.load(std::memory_order_relaxed) == seen; ++spin) pause();
    if (wake_.load() == seen && !stopping_) {
      parked_.fetch_add(1);
      wake_.wait(seen);
      parked_.fetch_sub(1);
    }
    if (stopping_) return;
  }
}

}  // namespace pathpress
