#include "traffic.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace pathpress::cuda::emulate {
namespace {

// What the lanes ask for in one operation; skipped lanes are not in it.
void count(const std::vector<LoggedAccess>& asked, uint32_t launch) {
  if (asked.empty()) return;
  // Lanes of one operation may lie in different allocations.
  static std::vector<std::pair<Meter*, uint64_t>> sectors;
  sectors.clear();
  for (const LoggedAccess& access : asked) {
    for (uint64_t s = access.offset / sectorBytes; s <= (access.offset + access.bytes - 1) / sectorBytes; ++s) {
      const std::pair sector(access.meter, s);
      if (sectors.empty() || sectors.back() != sector) sectors.push_back(sector);
    }
  }
  if (!std::is_sorted(sectors.begin(), sectors.end())) std::sort(sectors.begin(), sectors.end());
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

// A lane's n-th access at a site belongs with the other lanes' n-th there. Mostly all lanes log the same sites in turn.
void WarpLog::flush(uint32_t launch) {
  if (sameSites()) {
    static std::vector<LoggedAccess> asked;
    for (size_t i = 0; i < lanes_[0].size(); ++i) {
      asked.clear();
      for (const auto& lane : lanes_) {
        if (lane[i].meter) asked.push_back(lane[i]);
      }
      count(asked, launch);
    }
  } else {
    std::map<std::pair<uint64_t, uint32_t>, std::vector<LoggedAccess>> operations;
    std::map<uint64_t, uint32_t> turns;
    for (const auto& lane : lanes_) {
      turns.clear();
      for (const LoggedAccess& access : lane) {
        auto& asked = operations[{access.site, turns[access.site]++}];
        if (access.meter) asked.push_back(access);
      }
    }
    for (const auto& [key, asked] : operations) count(asked, launch);
  }
  for (auto& lane : lanes_) lane.clear();
}

bool WarpLog::sameSites() const {
  const auto same = [](const LoggedAccess& a, const LoggedAccess& b) { return a.site == b.site; };
  return std::all_of(std::begin(lanes_) + 1, std::end(lanes_), [&](const auto& lane) {
    return std::equal(lane.begin(), lane.end(), lanes_[0].begin(), lanes_[0].end(), same);
  });
}

}  // namespace pathpress::cuda::emulate
