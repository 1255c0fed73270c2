// Tasks that lie one after the other in memory, shared out among threads: each takes those of its own share in order, so
// that what a task's end fetches ahead is the same thread's next task; only then does it help the others.
#pragma once

#include <atomic>
#include <vector>

#include "thread_pool.h"

namespace pathpress {

class Shares {
 public:
  explicit Shares(ThreadPool& threads) : threads_(threads), shares_(static_cast<size_t>(threads.threads())) {}

  // The task with which a worker begins.
  static int first(int tasks, int worker, int threads) { return tasks * worker / threads; }

  // Calls body(task, worker, follows, more) for every task in [0, tasks): `follows` says that the thread has just done the
  // task before it, `more` that the task after it is the thread's next, unless another has taken that by then. `small` as
  // ThreadPool::run has it.
  template <class Body>
  void run(int tasks, bool small, const Body& body) {
    const int threads = threads_.threads();
    for (int i = 0; i < threads; ++i) {
      shares_[static_cast<size_t>(i)].next.store(first(tasks, i, threads), std::memory_order_relaxed);
      shares_[static_cast<size_t>(i)].end = first(tasks, i + 1, threads);
    }
    threads_.run(threads, small, [&](int, int worker) {
      for (int i = 0; i < threads; ++i) {
        Share& from = shares_[static_cast<size_t>((worker + i) % threads)];
        int before = -2;
        for (int task; !threads_.cancelled() && (task = from.next.fetch_add(1, std::memory_order_relaxed)) < from.end;) {
          body(task, worker, task == before + 1, task + 1 < from.end);
          before = task;
        }
      }
    });
  }

 private:
  struct alignas(64) Share {
    std::atomic<int> next;
    int end;
  };
  ThreadPool& threads_;
  std::vector<Share> shares_;  // one a thread
};

}  // namespace pathpress
