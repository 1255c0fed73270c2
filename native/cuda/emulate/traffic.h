// Bytes as the memory moves them: sectors of 32 bytes, counted a warp's operation at a time. Each lane logs what it
// asks for; the next operation or barrier of the whole warp merges lines of one site and turn. Caches are not modelled:
// `loaded` counts what was asked for, `distinct` each sector once a launch, as if a cache kept everything.
#pragma once

#include <cstdint>
#include <vector>

namespace pathpress::cuda::emulate {

constexpr uint64_t sectorBytes = 32;

struct Traffic {
  uint64_t loaded = 0, stored = 0;  // sectors
  uint64_t distinct = 0;            // sectors loaded, each once a launch
  uint64_t operations = 0;          // of a warp
};

// What Traffic is kept of: one allocation in global memory.
struct Meter {
  Traffic traffic;
  std::vector<uint32_t> lastLaunch;  // of each sector that was loaded
};

struct LoggedAccess {
  uint64_t site;  // where in the source
  Meter* meter;   // null: a predicated access that this lane skipped
  uint64_t offset;  // in bytes, in the allocation, which starts at a sector
  uint32_t bytes;
  bool store;
};

class WarpLog {
 public:
  void add(int lane, const LoggedAccess& access) { lanes_[lane].push_back(access); }
  void flush(uint32_t launch);

 private:
  std::vector<LoggedAccess> lanes_[32];

  bool sameSites() const;
};

}  // namespace pathpress::cuda::emulate
