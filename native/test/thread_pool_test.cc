// Every task of every job runs exactly once, however short the jobs are and however the workers lag behind; what a task
// throws reaches the caller; a pool that cannot have its threads says so and leaves none behind.
#include "../engine/each_row.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <new>

#include "../engine/errors.h"
#include "check.h"

using namespace pathpress;

namespace {

#ifdef PATHPRESS_SANITIZED  // a sanitizer needs more address space than the limit leaves
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

void throwing(int threads) {
  ThreadPool pool(threads);
  bool caught = true, works = true;
  for (int job = 0; job < 500; ++job) {
    const int culprit = job % 17;
    bool thrown = false;
    try {
      pool.run(17, job % 5 == 0, [&](int task, int) {
        if (task == culprit || task == 16) throw std::bad_alloc();
      });
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    caught &= thrown;
    std::atomic<int> runs = 0;
    pool.run(17, false, [&](int, int) { ++runs; });
    works &= runs == 17;
  }
  CHECK_CASE(caught && works, std::to_string(threads) + " threads");
}

// Each task runs once; one that follows comes after the one before it, on the same thread, which was told to expect it.
void sharing(int threads) {
  ThreadPool pool(threads);
  bool once = true, told = true, all = false;
  for (int job = 0; job < 2000; ++job) {
    const int tasks = job % 41;
    std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
    struct alignas(64) Seen {
      int task = -2;
      bool more = false;
    };
    std::vector<Seen> seen(static_cast<size_t>(threads));
    std::atomic<int> following = 0;
    pool.runTurns(tasks, job % 7 == 0, [&](const ThreadPool::Turn& turn) {
      Seen& before = seen[static_cast<size_t>(turn.worker)];
      if (turn.follows && (before.task != turn.task - 1 || !before.more)) told = false;
      following += turn.follows;
      before = {turn.task, turn.more};
      ++runs[static_cast<size_t>(turn.task)];
    });
    for (const auto& count : runs) once &= count == 1;
    all |= tasks == 40 && following == tasks - threads;
  }
  CHECK_CASE(once && told, std::to_string(threads) + " threads");
  if (threads == 1) CHECK(all);
}

void rows(int threads) {
  ThreadPool pool(threads);
  bool once = true;
  for (size_t count = 0; count < 70; ++count) {
    std::vector<std::atomic<int>> runs(count);
    eachRow(pool, count, count % 2 ? 1 : 1 << 20, [&](size_t row) { ++runs[row]; });
    for (const auto& number : runs) once &= number == 1;
  }
  CHECK_CASE(once, std::to_string(threads) + " threads");
}

void cancelling() {
  ThreadPool pool(3);
  std::atomic<int> runs = 0;
  pool.run(1000, false, [&](int, int) {
    ++runs;
    pool.cancel();
  });
  CHECK(runs >= 1 && runs <= 3 && pool.cancelled());
  pool.run(10, true, [&](int, int) { runs = 1000; });
  CHECK(runs <= 3);
}

// A child without room for threads' stacks; root is not bound by a limit on their number.
void refused() {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{size_t{96} << 20, size_t{96} << 20};
    ::setrlimit(RLIMIT_AS, &none);
    try {
      ThreadPool pool(1000);
    } catch (const EngineError& error) {
      const std::string what = error.what();
      const bool named = what.find("threads 1000: the system refused thread ") == 0;
      try {
        ThreadPool again(2);  // the others' stacks are free again
        ::_exit(error.code == "NO_THREAD" && named ? 0 : 2);
      } catch (...) {
        ::_exit(3);
      }
    } catch (...) {
      ::_exit(4);
    }
    ::_exit(1);
  }
  int status = -1;
  CHECK(child > 0 && ::waitpid(child, &status, 0) == child);
  CHECK_CASE(status == 0, "child's status " + std::to_string(status));
}

}  // namespace

int main() {
  if (!sanitized) refused();
  for (const int threads : {1, 2, 4}) throwing(threads);
  cancelling();
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    bool once = true, workersInRange = true;
    for (int job = 0; job < 3000; ++job) {
      const int tasks = job % 23;
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      pool.run(tasks, job % 7 == 0, [&](int task, int worker) {
        ++runs[static_cast<size_t>(task)];
        if (worker < 0 || worker >= threads) workersInRange = false;
      });
      for (const auto& count : runs) once &= count == 1;
      if (job % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // lets the workers park
    }
    CHECK_CASE(once, std::to_string(threads) + " threads");
    CHECK_CASE(workersInRange, std::to_string(threads) + " threads");
  }
  for (const int threads : {1, 2, 5}) sharing(threads), rows(threads);
  return checks();
}
