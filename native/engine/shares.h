// Tasks that lie one after the other in memory, shared out among threads: each takes those of its own share in order, so
// that what a task's end fetches ahead is the same thread's next task; only then does it help the others.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "thread_pool.h"

namespace pathpress {

class Shares {
 public:
  explicit Shares(ThreadPool& threads) : threads_(threads), shares_(static_cast<size_t>(threads.threads())) {}

  // The task with which a worker begins.
  static int first(int tasks, int worker, int threads) { return tasks * worker / threads; }

  // Calls body(row) for every row in [0, rows), each of so many floats. A thread has the same rows in every such job while
  // none is held up: what it wrote of them is in its own cache.
  template <class Body>
  void each(size_t rows, size_t width, const Body& body) {
    const bool small = rows * width < smallPass;
    const size_t tasks = std::min(rows, tasksAThread * static_cast<size_t>(threads_.threads()));
    run(static_cast<int>(tasks), small, [&](int task, int, bool, bool) {
      const auto index = static_cast<size_t>(task);
      for (size_t row = rows * index / tasks, end = rows * (index + 1) / tasks; row < end; ++row) body(row);
    });
  }

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
  static constexpr size_t smallPass = 1 << 13;  // floats below which waking a thread costs more than it brings
  static constexpr size_t tasksAThread = 4;     // of rows: few, yet such that a thread that was held up is helped

  struct alignas(64) Share {
    std::atomic<int> next;
    int end;
  };
  ThreadPool& threads_;
  std::vector<Share> shares_;  // one a thread
};

}  // namespace pathpress
