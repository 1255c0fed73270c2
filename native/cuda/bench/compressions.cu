// RPC's compressions of a batch whose sequences are all due at once, at the lengths at which a long output has them.
#include <algorithm>
#include <chrono>

#include "../../engine/errors.h"
#include "../passes.h"
#include "events.h"
#include "report.h"
#include "world.h"

namespace pathpress::cuda::bench {

namespace {

class Compressions {
 public:
  Compressions(const Bench& bench, World& world, int slots, const Recipe& recipe)
      : bench_(bench), world_(world), recipe_(recipe) {
    const DecodeStep& step = world.decoder().step();
    const ModelShape& shape = bench.model.shape;
    cache_.pages = step.pages;
    cache_.table = step.table.pages;
    cache_.lengths = step.sequences.entries;
    cache_.layers = shape.layers;
    cache_.pool = static_cast<int>(step.poolPages);
    cache_.kvHeads = shape.kvHeads;
    cache_.group = shape.heads / shape.kvHeads;
    cache_.dim = shape.dim;
    cache_.slots = slots;
    cache_.tableWidth = step.table.width;
    cache_.sets = 1;
    cache_.capacity = cache_.tableWidth * cachePageEntries;
    std::vector<int> ascending(static_cast<size_t>(cache_.noteAt(cache_.layers, 0, 0)));
    const auto capacity = static_cast<size_t>(cache_.capacity);
    for (size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<int>(i % capacity);
    cache_.positions = bench.device.unwritten<int>("listed positions", ascending.size());
    bench.device.write(cache_.positions, 0, ascending);
  }

  void measure(const Event& event, int batch, int interval) {
    world_.fill(batch, event.length, 0);
    std::vector<DueSequence> waiting;
    for (int slot = 0; slot < batch; ++slot) {
      waiting.push_back({slot, event.length, event.settled, benchRing, event.progress, event.keep});
    }
    const auto start = std::chrono::steady_clock::now();
    const CompressionPlan plan = planCompression(recipe_, waiting);
    const double host = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (plan.due.empty()) return;
    cache_.due = bench_.device.input("due", plan.due);
    cache_.chunks = bench_.device.input("chunks", plan.chunks);
    cache_.dues = static_cast<int>(plan.due.size());
    cache_.chunkCount = static_cast<int>(plan.chunks.size());
    const Passes passes = passesOn(plan);
    const double seconds = medianSeconds(bench_.watch, bench_.tiny ? 1 : 5, [&] {
      if (!compress(bench_.device.stream(), passes)) throw EngineError("INTERNAL", "a compression was refused");
    });
    const Due& due = plan.due.front();
    const double keys = entryBytes(bench_.model.shape) / 2;
    Line("compression").text("policy", "rpc").number("interval", interval).number("event", event.number)
        .number("batch", batch).number("entries", due.length).number("candidates", due.candidates)
        .number("staying", due.staying()).number("seconds", seconds).number("hostSeconds", host)
        .number("bytes", batch * (2 * keys * due.candidates + 4 * keys * due.scored));
  }

 private:
  Passes passesOn(const CompressionPlan& plan) {
    Passes passes = passesOf(recipe_, cache_, plan);
    passes.votes.queries = world_.decoder().step().ring.rows;
    passes.votes.mostRows = benchRing;
    Device& device = bench_.device;
    passes.votes.parts = device.unwritten<float>("parts", passes.partsRoom());
    passes.votes.totals = device.unwritten<float>("totals", passes.totalsRoom());
    passes.votes.votes = device.unwritten<float>("votes", passes.votesRoom());
    passes.ranks.votes = passes.votes.votes;
    passes.ranks.ranks = device.unwritten<double>("ranks", passes.ranksRoom());
    passes.choice.ranks = passes.ranks.ranks;
    passes.choice.kept = device.unwritten<int>("kept", passes.keptRoom());
    passes.compaction.kept = passes.choice.kept;
    return passes;
  }

  const Bench& bench_;
  World& world_;
  Recipe recipe_;
  CacheCompression cache_{};
};

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
    World world(bench, batch, sequence, batch * sequence);
    Compressions compressions(bench, world, batch, policy->recipe());
    const std::vector<Event> events = eventsOf(*policy, prompt, output);
    const size_t stride = std::max<size_t>(1, events.size() / 8);
    for (size_t i = 0; i < events.size(); i += stride) compressions.measure(events[i], batch, interval);
  }
}

}  // namespace pathpress::cuda::bench
