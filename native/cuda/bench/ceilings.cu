#include "parts.h"
#include "probes.h"
#include "report.h"

namespace pathpress::cuda::bench {

void measureCeilings(Device& device, Stopwatch& watch, bool tiny) {
  const int runs = tiny ? 1 : 9;
  const int64_t count = tiny ? 1 << 12 : int64_t{1} << 31;  // 4 GiB each: far more than any cache
  const Global<Bf16> from = device.unwritten<Bf16>("probe", static_cast<size_t>(count));
  const Global<Bf16> to = device.unwritten<Bf16>("probe's copy", static_cast<size_t>(count));
  const Global<float> sink = device.unwritten<float>("sink", 256);
  fillRandom(device.stream(), from, count, 1, 1);
  const double reading = medianSeconds(watch, runs, [&] { readAll(device.stream(), from, count, sink); });
  const auto bytes = 2 * static_cast<double>(count);
  Line("ceiling").text("name", "read").text("unit", "bytes/s").number("rate", bytes / reading);
  const double copying = medianSeconds(watch, runs, [&] { copyAll(device.stream(), from, to, count); });
  Line("ceiling").text("name", "copy").text("unit", "bytes/s").number("rate", 2 * bytes / copying);

  const int blocks = tiny ? 1 : 132 * 8, rounds = tiny ? 2 : 20000;
  const double operations = blocks * 8.0 * rounds * multiplyWarpTiles * 2 * 16 * 16 * 8;
  const auto multiply = [&] { multiplyRegisters(device.stream(), blocks, rounds, sink); };
  const double multiplying = medianSeconds(watch, runs, multiply);
  Line("ceiling").text("name", "mma.sync bf16").text("unit", "operations/s")
      .number("rate", operations / multiplying);

  const int launches = tiny ? 3 : 1000;
  const auto empty = [&] {
    for (int i = 0; i < launches; ++i) doNothing(device.stream());
    return true;
  };
  const double replayed = medianSeconds(watch, runs, [&] { device.replay(-1, empty); });
  Line("ceiling").text("name", "launch in a graph").text("unit", "s").number("rate", replayed / launches);
}

}  // namespace pathpress::cuda::bench
