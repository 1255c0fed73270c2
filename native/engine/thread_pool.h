// Worker threads that live as long as the engine. One job at a time. Each thread has a share of a job's tasks, which lie
// one after the other, and does those in order, so that what a task's end fetches ahead is the same thread's next task;
// only then does it help the others. So which thread runs a task is a matter of luck and must never matter to the result.
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

  // The task of so many with which one of so many threads begins.
  static int first(int tasks, int worker, int threads) {
    return static_cast<int>(int64_t{tasks} * worker / threads);
  }

  struct Turn {
    int task, worker;
    bool follows;  // the thread has just done the task before it
    bool more;     // the task after it is the thread's next, unless another has taken that by then
  };

  // Calls body(turn) for every task in [0, tasks), worker in [0, threads()), and returns when all are done. Throws what a
  // body threw first; the job's other tasks may have run or not. Jobs too small to be worth waking anyone should pass
  // `small`. Throws std::length_error for more than 2^24 - 1 tasks.
  template <class Body>
  void runTurns(int tasks, bool small, const Body& body) {
    if (small || tasks <= 1 || workers_.empty()) {
      for (int task = 0; task < tasks && !cancelled(); ++task) body(Turn{task, 0, task > 0, task + 1 < tasks});
      return;
    }
    start(tasks, [](const void* context, const Turn& turn) { (*static_cast<const Body*>(context))(turn); }, &body);
  }

  // As runTurns(), with body(task, worker).
  template <class Body>
  void run(int tasks, bool small, const Body& body) {
    runTurns(tasks, small, [&body](const Turn& turn) { body(turn.task, turn.worker); });
  }

  // From any thread, for good: tasks that have not begun are skipped, so that run() returns as soon as those under way
  // are done. Whoever calls run() asks cancelled() afterwards: what it was to compute may not be there. Of several pools
  // that are cancelled in turn, who sees one cancelled sees those before it so too.
  void cancel() { cancelled_.store(true, std::memory_order_release); }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  using Call = void (*)(const void* context, const Turn& turn);

  // The number of a job in the high bits, one of its tasks, or how many, in the low: at a million jobs a second the
  // numbers last for twelve days, and at those of an engine for a year.
  struct Mark {
    static constexpr int taskBits = 24;
    uint64_t bits;
    Mark(uint64_t marked) : bits(marked) {}
    Mark(uint64_t job, int task) : bits(job << taskBits | static_cast<uint32_t>(task)) {}
    uint64_t job() const { return bits >> taskBits; }
    int task() const { return static_cast<int>(bits & ((uint64_t{1} << taskBits) - 1)); }
  };
  // What one thread writes and the others look at when they have nothing to do: on a line of its own, since on two chiplets
  // that line takes 300 ns from one to the other and back.
  struct alignas(64) Share {
    std::atomic<uint64_t> next = 0;  // Mark of the job whose tasks were last claimed, and of the task after those
    std::atomic<uint64_t> done = 0;  // Mark of the job and how many of its tasks the thread has done; of workers only
  };

  void start(int tasks, Call call, const void* context);
  int claim(int share, Mark job);
  int take(Mark job, int worker);
  void await(Mark job, int missing);
  void work(int worker);
  void stop();

  std::vector<std::thread> workers_;
  std::vector<Share> shares_;  // one a thread
  // Of the job at hand, written by the caller alone.
  alignas(64) std::atomic<uint64_t> job_ = 0;  // Mark of it and its number of tasks
  std::atomic<Call> call_ = nullptr;
  std::atomic<const void*> context_ = nullptr;
  // Seldom written.
  alignas(64) std::atomic<int> parked_ = 0;
  std::atomic<bool> stopping_ = false, cancelled_ = false;
  std::atomic<bool> failed_ = false;  // a task of the job at hand threw
  std::exception_ptr failure_;        // what it threw; read when all tasks are done
};

}  // namespace pathpress
