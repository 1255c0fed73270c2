// Every task of every job runs exactly once, however short the jobs are and however the workers lag behind.
#include "../engine/thread_pool.h"

#include <chrono>
#include <memory>

#include "check.h"

using namespace pathpress;

int main() {
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
  return checks();
}
