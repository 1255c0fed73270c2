// Worker threads that live as long as the engine. One job at a time; tasks of a job are claimed one by one, so which
// thread runs a task is a matter of luck and must never matter to the result.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace pathpress {

class ThreadPool {
 public:
  // `threads` counts the caller. Throws EngineError NO_THREAD where the system refuses one.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(task, worker) for every task in [0, tasks), worker in [0, threads()), and returns when all are done.
  // Throws what a body threw first; the job's other tasks may have run or not. Jobs too small to be worth waking anyone
  // should pass `small`.
  template <class Body>
  void run(int tasks, bool small, const Body& body) {
    if (small || tasks <= 1 || workers_.empty()) {
      for (int task = 0; task < tasks && !cancelled(); ++task) body(task, 0);
      return;
    }
    start(tasks, [](const void* context, int task, int worker) { (*static_cast<const Body*>(context))(task, worker); },
          &body);
  }

  // From any thread, for good: tasks that have not begun are skipped, so that run() returns as soon as those under way
  // are done. Whoever calls run() asks cancelled() afterwards: what it was to compute may not be there. Of several pools
  // that are cancelled in turn, who sees one cancelled sees those before it so too.
  void cancel() { cancelled_.store(true, std::memory_order_release); }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  using Call = void (*)(const void* context, int task, int worker);

  void start(int tasks, Call call, const void* context);
  bool runOne(int worker);
  void work(int worker);
  void stop();

  std::vector<std::thread> workers_;
  // Job number in the high half, tasks not yet claimed in the low half: a task is claimed by counting down, so a worker
  // that comes late finds either nothing or the job whose call and context it reads.
  std::atomic<uint64_t> open_ = 0;
  std::atomic<Call> call_ = nullptr;
  std::atomic<const void*> context_ = nullptr;
  std::atomic<int> pending_ = 0;
  std::atomic<uint32_t> wake_ = 0;
  std::atomic<int> parked_ = 0;
  std::atomic<bool> stopping_ = false, cancelled_ = false;
  std::atomic<bool> failed_ = false;  // a task of the job at hand threw
  std::exception_ptr failure_;        // what it threw; read when no task is pending
};

}  // namespace pathpress
