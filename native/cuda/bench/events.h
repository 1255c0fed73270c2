// What a policy does over a long output, by its own closed forms.
#pragma once

#include <algorithm>
#include <vector>

#include "../../policies/policy.h"

namespace pathpress::cuda::bench {

struct Event {
  int number, length, settled;
  Progress progress;
  Keep keep;
};

// The compressions that a sequence goes through until it has `output` tokens.
inline std::vector<Event> eventsOf(const Policy& policy, int prompt, int output) {
  std::vector<Event> events;
  Progress progress{prompt};
  int length = prompt, settled = 0;
  for (int written = 1; written <= output; ++written) {
    progress.written = written;
    ++length;
    if (!policy.due(progress)) continue;
    const Keep keep = policy.keep(progress);
    events.push_back({static_cast<int>(events.size()), length, settled, progress, keep});
    const int candidates = length - static_cast<int>(keep.pinned + keep.recent);
    length -= std::max(0, candidates - static_cast<int>(keep.scored));
    settled = length;
    progress.cycle += 1;
    progress.lastTrigger = written;
  }
  return events;
}

}  // namespace pathpress::cuda::bench
