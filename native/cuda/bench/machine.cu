#include "machine.h"

#include <algorithm>
#include <chrono>

namespace pathpress::cuda::bench {

#if !defined(__CUDACC__)
double Stopwatch::seconds(const std::function<void()>& launches) {
  const auto start = std::chrono::steady_clock::now();
  launches();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
#endif

double medianSeconds(Stopwatch& watch, int runs, const std::function<void()>& launches) {
  launches();
  std::vector<double> all;
  for (int run = 0; run < runs; ++run) all.push_back(watch.seconds(launches));
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

}  // namespace pathpress::cuda::bench
