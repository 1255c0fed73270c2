#include "machine.h"

#include <algorithm>

#include "../../engine/clock.h"

namespace pathpress::cuda::bench {

#if !defined(__CUDACC__)
double Stopwatch::seconds(const std::function<void()>& launches) {
  const auto start = Clock::now();
  launches();
  return secondsSince(start);
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
