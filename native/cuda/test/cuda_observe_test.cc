// What is noted of rows of attention against the CPU's own record.
#include "../observe.h"

#include "closeness.h"
#include "passes_world.h"

namespace pathpress::cuda {
namespace {

constexpr Shape shape{1, 2, 3, 64};
constexpr int tokens = 3;  // noted one by one after the prompt

// Notes of all slots, which begin unwritten.
struct Notes {
  Global<float> mass;
  Global<int> stamps, gaps;

  // `less`: elements that the room for sums lacks behind the last entry of all.
  Notes(TestDevice& device, const DeviceCaches& caches, const std::vector<WorldSequence>& sequences, size_t less = 0) {
    const CacheCompression& cache = caches.cache;
    const int64_t last = cache.noteAt(cache.layers - 1, cache.slots - 1, cache.sets - 1);
    const auto count = static_cast<size_t>(last + sequences.back().length()) - less;
    mass = device.unwritten<float>("mass", count);
    stamps = device.unwritten<int>("stamps", count);
    gaps = device.unwritten<int>("gaps", count);
  }
};

// One that keeps every query row.
Recipe allRows() {
  Recipe all;
  all.selectors = Selectors::recent;
  all.queries = 64;
  return all;
}

void note(TestDevice& device, DeviceCaches& caches, const Recipe& recipe, const Notes& notes,
          const Global<const Bf16>& queries, const std::vector<ObservedSequence>& observed) {
  const CompressionPlan plan = planObservation(observed);
  caches.cache.dues = static_cast<int>(plan.due.size());
  caches.cache.chunkCount = static_cast<int>(plan.chunks.size());
  caches.cache.due = device.input("observed", plan.due);
  caches.cache.chunks = device.input("observed chunks", plan.chunks);
  ObservationPasses passes = observationOf(recipe, caches.cache, plan);
  Passes rooms;
  rooms.votes = passes.votes;
  rooms.ranks = passes.observation.ranks;
  rooms.choice = passes.observation.upperHalf;
  passes.votes.queries = queries;
  passes.votes.mostRows = caches.mostRows;
  passes.votes.parts = device.unwritten<float>("parts", rooms.partsRoom());
  passes.votes.totals = device.unwritten<float>("totals", rooms.totalsRoom());
  passes.votes.votes = device.unwritten<float>("votes", rooms.votesRoom());
  Observation& observation = passes.observation;
  observation.ranks.votes = passes.votes.votes;
  observation.ranks.ranks = device.unwritten<double>("ranks", rooms.ranksRoom());
  observation.upperHalf.ranks = observation.ranks.ranks;
  observation.upperHalf.kept = device.unwritten<int>("kept", rooms.keptRoom());
  observation.mass = notes.mass;
  observation.stamps = notes.stamps;
  observation.gaps = notes.gaps;
  CHECK(observe(device.stream(), passes));
}

int wrong(TestDevice& device, const DeviceCaches& caches, const Notes& notes, const Recipe& recipe,
          const std::vector<WorldSequence>& sequences) {
  const std::vector<float> mass = device.values(notes.mass);
  const std::vector<int> stamps = device.values(notes.stamps), gaps = device.values(notes.gaps);
  int count = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    for (int layer = 0; layer < shape.layers; ++layer) {
      for (int set = 0; set < caches.cache.sets; ++set) {
        const RecordView want = sequences[s].layers[static_cast<size_t>(layer)].record->view(0, set);
        const auto first = static_cast<size_t>(caches.cache.noteAt(layer, static_cast<int>(s) + 1, set));
        for (size_t e = 0; e < static_cast<size_t>(sequences[s].length()); ++e) {
          if (recipe.record == Record::recurrence) count += gaps[first + e] != want.gaps[e];
          if (recipe.record != Record::mass) count += stamps[first + e] != want.stamps[e];
          else count += !(std::abs(mass[first + e] - want.mass[e]) <= 1e-4f * want.mass[e]);
        }
      }
    }
  }
  return count;
}

void record(const char* name, const char* aggregation) {
  PolicyOptions options;
  options.name = name;
  options.aggregation = aggregation;
  options.budget = "cap";
  options.keep = 1000;
  options.threshold = 0.02;
  const auto policy = makePolicy(options);
  const Recipe recipe = policy->recipe();
  std::vector<WorldSequence> sequences;
  for (const int prompt : {5, 34}) {
    sequences.emplace_back(shape, prompt, prompt + tokens, static_cast<uint64_t>(prompt));
    sequences.back().prefill(*policy);
    for (int token = 0; token < tokens; ++token) {
      for (World& world : sequences.back().layers) world.write();
    }
  }
  everyOrder(name, [&](TestDevice& device) {
    DeviceCaches caches(device, shape, *policy, sequences);
    caches.mostRows = 64;
    const Global<const Bf16> queries = caches.queries(device, sequences, allRows());
    const Notes notes(device, caches, sequences);
    // A sum takes a prompt's rows at once; the others take one row at a time.
    for (int seen = 1; seen <= 34 + tokens; ++seen) {
      std::vector<ObservedSequence> observed;
      for (size_t s = 0; s < sequences.size(); ++s) {
        const int prompt = static_cast<int>(sequences[s].progress().prompt);
        const int rows = recipe.record == Record::mass && seen <= prompt ? prompt : 1;
        if (seen > prompt + tokens || (rows > 1 && seen < prompt)) continue;
        const int ring = DeviceCaches::ringOf(allRows(), sequences[s]);
        observed.push_back({static_cast<int>(s) + 1, seen, 0, rows, ring, seen - 1});
      }
      if (!observed.empty()) note(device, caches, recipe, notes, queries, observed);
    }
    const int count = wrong(device, caches, notes, recipe, sequences);
    noneWrong(count, std::string("observe ") + name + ", a set a " + aggregation);
  });
}

void bounds() {
  PolicyOptions options;
  options.name = "h2o";
  options.budget = "cap";
  options.keep = 1000;
  const auto policy = makePolicy(options);
  std::vector<WorldSequence> sequences;
  sequences.emplace_back(shape, 5, 8, 1);
  sequences.back().prefill(*policy);
  everyOrderSees(emulate::Fault::bounds, "mass", [&](TestDevice& device) {
    DeviceCaches caches(device, shape, *policy, sequences);
    caches.mostRows = 64;
    const Notes notes(device, caches, sequences, 1);
    note(device, caches, policy->recipe(), notes, caches.queries(device, sequences, allRows()), {{1, 5, 0, 5, 8, 4}});
  });
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(observe) {
  using namespace pathpress::cuda;
  record("h2o", "layer");
  record("h2o", "group");
  record("raas", "layer");
  record("raas", "group");
  record("lazy-eviction", "layer");
  record("lazy-eviction", "group");
  bounds();
}
