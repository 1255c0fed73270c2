// RPC's compressions of a batch whose sequences are all due at once, at the lengths at which a long output has them.
#include <algorithm>

#include "../../engine/clock.h"
#include "../../engine/errors.h"
#include "../engine/compressor.h"
#include "events.h"
#include "report.h"
#include "world.h"

namespace pathpress::cuda::bench {

namespace {

// The passes of one event as the engine's own compressor prepares them, and the host's plan of it.
void measureEvent(const Bench& bench, World& world, Compressor& compressor, const Recipe& recipe, const Event& event,
                  int batch, int interval) {
  world.fill(batch, event.length, 0);
  std::vector<DueSequence> waiting;
  for (int slot = 0; slot < batch; ++slot) {
    waiting.push_back({slot, event.length, event.settled, benchRing, event.progress, event.keep});
  }
  const auto start = Clock::now();
  const CompressionPlan plan = planCompression(recipe, waiting);
  const double host = secondsSince(start);
  if (plan.due.empty()) return;
  const Passes passes = compressor.passesOn(world.decoder(), recipe, plan, std::vector<uint64_t>(plan.due.size()));
  const double seconds = medianSeconds(bench.watch, bench.tiny ? 1 : 5, [&] {
    if (!compress(bench.device.stream(), passes)) throw EngineError("INTERNAL", "a compression was refused");
  });
  const Due& due = plan.due.front();
  const double keys = entryBytes(bench.model.shape) / 2;
  Line("compression").text("policy", "rpc").number("interval", interval).number("event", event.number)
      .number("batch", batch).number("entries", due.length).number("candidates", due.candidates)
      .number("staying", due.staying()).number("seconds", seconds).number("hostSeconds", host)
      .number("bytes", batch * (2 * keys * due.candidates + 4 * keys * due.scored));
}

}  // namespace

void measureCompressions(const Bench& bench) {
  const int batch = bench.tiny ? 2 : 16, prompt = bench.tiny ? 10 : 128, output = bench.tiny ? 80 : 32768;
  const int sequence = bench.tiny ? 96 : 16384;
  for (const int interval : bench.tiny ? std::vector<int>{20} : std::vector<int>{1024, 4096}) {
    PolicyOptions options;
    options.name = "rpc";
    options.interval = interval;
    options.window = bench.tiny ? 4 : benchRing;
    const auto policy = makePolicy(options);
    Demand demand;
    demand.layerSets = true;
    Compressor compressor(bench.device, bench.model.shape, demand, batch, pagesOf(sequence));
    World world(bench, batch, sequence, batch * sequence);
    const std::vector<Event> events = eventsOf(*policy, prompt, output);
    const size_t stride = std::max<size_t>(1, events.size() / 8);
    for (size_t i = 0; i < events.size(); i += stride) {
      measureEvent(bench, world, compressor, policy->recipe(), events[i], batch, interval);
    }
  }
}

}  // namespace pathpress::cuda::bench
