#include "traffic.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace pathpress::cuda::emulate {
namespace {

// What the lanes ask for in one operation; skipped lanes are not in it.
void count(std::vector<LoggedAccess>& asked, uint32_t launch) {
  // Lanes of one operation may lie in different allocations.
  std::vector<std::pair<Meter*, uint64_t>> sectors;
  for (const LoggedAccess& access : asked) {
    for (uint64_t s = access.offset / sectorBytes; s <= (access.offset + access.bytes - 1) / sectorBytes; ++s) {
      sectors.emplace_back(access.meter, s);
    }
  }
  std::sort(sectors.begin(), sectors.end());
  sectors.erase(std::unique(sectors.begin(), sectors.end()), sectors.end());
  const bool store = asked.front().store;
  for (size_t i = 0; i < sectors.size(); ++i) {
    auto [meter, sector] = sectors[i];
    if (i == 0 || sectors[i - 1].first != meter) ++meter->traffic.operations;
    if (store) {
      ++meter->traffic.stored;
      continue;
    }
    ++meter->traffic.loaded;
    if (std::exchange(meter->lastLaunch[sector], launch) != launch) ++meter->traffic.distinct;
  }
}

}  // namespace

void WarpLog::flush(uint32_t launch) {
  // A lane's n-th access at a site belongs with the other lanes' n-th there.
  std::map<std::pair<uint64_t, uint32_t>, std::vector<LoggedAccess>> operations;
  std::map<uint64_t, uint32_t> turns;
  for (auto& lane : lanes_) {
    turns.clear();
    for (const LoggedAccess& access : lane) {
      auto& asked = operations[{access.site, turns[access.site]++}];
      if (access.meter) asked.push_back(access);
    }
    lane.clear();
  }
  for (auto& [key, asked] : operations) {
    if (!asked.empty()) count(asked, launch);
  }
}

}  // namespace pathpress::cuda::emulate
