// The largest batch that the card has room for, with every entry and under RPC, and its steps at the lengths that a
// long output goes through. More than maxProductTokens sequences take several steps in turn.
#include <algorithm>

#include "../../engine/errors.h"
#include "events.h"
#include "report.h"
#include "world.h"

namespace pathpress::cuda::bench {

namespace {

// Bytes for what a step writes, for what is not ours, and for what pages leave.
double spared() { return std::max(2e9, static_cast<double>(freeBytes()) * (1 - 1 / poolShare) + 1e9); }

int peakOf(const std::vector<Event>& events, int prompt, int output) {
  int peak = events.empty() ? prompt + output : 0;
  for (const Event& event : events) peak = std::max(peak, event.length);
  return peak;
}

}  // namespace

void measureLargest(const Bench& bench) {
  const int prompt = bench.tiny ? 10 : 128, output = bench.tiny ? 80 : 32768, runs = bench.tiny ? 1 : 16;
  constexpr int most = 3;  // of a tiny shape
  PolicyOptions options;
  options.name = "rpc";
  options.interval = bench.tiny ? 20 : 1024;
  options.window = bench.tiny ? 4 : benchRing;
  const std::vector<Event> events = eventsOf(*makePolicy(options), prompt, output);
  for (const bool compresses : {false, true}) {
    const int peak = peakOf(compresses ? events : std::vector<Event>(), prompt, output);
    const ModelShape& shape = bench.model.shape;
    const double ring = 2.0 * shape.layers * benchRing * shape.heads * shape.dim;
    const double each = entryBytes(shape) * (peak + runs + cachePageEntries) + ring;
    const double room = static_cast<double>(freeBytes()) - spared();
    int batch = bench.tiny ? most : static_cast<int>(room / each);
    // Of more than a group whole groups: one sequence more would cost a step as much as many.
    if (batch > groupTokens) batch -= batch % groupTokens;
    if (batch < 1) throw EngineError("OUT_OF_MEMORY", "the card has no room for one sequence");
    const std::unique_ptr<Device> device = openDevice();  // whose memory is free again for the next
    const Bench own{*device, bench.named, bench.model, bench.watch, bench.tiny, bench.freeBefore};
    World world(own, batch, peak + runs + 2, batch * (peak + runs + 2));
    Stopwatch watch(*device);
    const int lengths = bench.tiny ? 2 : 9;
    for (int i = 0; i < lengths; ++i) {
      const int entries = prompt + (peak - prompt) * i / (lengths - 1);
      world.fill(batch, entries, runs + 1);
      world.step(batch);
      const double seconds = watch.seconds([&] {
        for (int run = 0; run < runs; ++run) world.step(batch);
      }) / runs;
      Line("largest").text("policy", compresses ? "rpc" : "full").number("interval", compresses ? options.interval : 0)
          .number("batch", batch).number("peakEntries", peak).number("entries", entries + 1 + runs / 2.0)
          .number("seconds", seconds);
    }
  }
}

}  // namespace pathpress::cuda::bench
