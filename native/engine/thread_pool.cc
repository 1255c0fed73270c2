#include "thread_pool.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pathpress {
namespace {

constexpr int spins = 2000;  // some 20 µs: longer than the pause between two operations, short of a scheduler's slice

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) : shares_(static_cast<size_t>(threads > 1 ? threads : 1)) {
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
  job_ = Mark(Mark(job_).job() + 1, 0).bits;
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::start(int tasks, Call call, const void* context) {
  if (tasks >> Mark::taskBits) throw std::length_error("a job of " + std::to_string(tasks) + " tasks");
  const Mark job(Mark(job_.load(std::memory_order_relaxed)).job() + 1, tasks);
  call_.store(call, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  job_.store(job.bits);
  if (parked_.load() > 0) job_.notify_all();
  await(job, tasks - take(job, 0));
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

// A task of a job's share, or -1 where all of them are claimed: then the job itself may be over. Nobody deals the shares
// out: one that was last claimed of in an earlier job is whole.
int ThreadPool::claim(int share, Mark job) {
  const int begin = first(job.task(), share, threads()), end = first(job.task(), share + 1, threads());
  std::atomic<uint64_t>& next = shares_[static_cast<size_t>(share)].next;
  uint64_t seen = next.load(std::memory_order_relaxed);
  while (true) {
    const Mark mark(seen);
    if (mark.job() > job.job()) return -1;
    const int task = mark.job() == job.job() ? mark.task() : begin;
    if (task >= end) return -1;
    const Mark after(job.job(), task + 1);
    if (next.compare_exchange_weak(seen, after.bits, std::memory_order_acq_rel, std::memory_order_relaxed)) return task;
  }
}

// Does tasks of a job until all are claimed; how many they were.
int ThreadPool::take(Mark job, int worker) {
  // Perhaps of a later job, where this one is over; then no task is claimed.
  const Call call = call_.load(std::memory_order_relaxed);
  const void* const context = context_.load(std::memory_order_relaxed);
  int done = 0;
  const auto tell = [&] {
    if (worker > 0) shares_[static_cast<size_t>(worker)].done.store(Mark(job.job(), done).bits, std::memory_order_release);
  };
  for (int i = 0; i < threads(); ++i) {
    const int share = (worker + i) % threads(), end = first(job.task(), share + 1, threads());
    for (int task, before = -2; (task = claim(share, job)) >= 0; before = task) {
      // An exception must not leave a worker's thread, nor start() while others still run the job.
      try {
        if (!cancelled() && !failed_.load(std::memory_order_relaxed)) {
          call(context, Turn{task, worker, task == before + 1, task + 1 < end});
        }
      } catch (...) {
        if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
      }
      ++done;
      if (i > 0) tell();
    }
    if (i == 0) tell();
  }
  return done;
}

// Until the workers have done so many tasks of a job.
void ThreadPool::await(Mark job, int missing) {
  for (int spin = 0;; ++spin) {
    int done = 0;
    for (const Share& share : shares_) {
      const Mark mark(share.done.load(std::memory_order_acquire));
      if (mark.job() == job.job()) done += mark.task();
    }
    if (done == missing) return;
    if (spin < spins) pause();
    else std::this_thread::yield();
  }
}

void ThreadPool::work(int worker) {
  uint64_t seen = 0;
  while (true) {
    for (int spin = 0; spin < spins && job_.load(std::memory_order_relaxed) == seen; ++spin) pause();
    if (job_.load() == seen) {
      parked_.fetch_add(1);
      job_.wait(seen);
      parked_.fetch_sub(1);
    }
    seen = job_.load(std::memory_order_acquire);
    if (stopping_) return;
    take(seen, worker);
  }
}

}  // namespace pathpress
