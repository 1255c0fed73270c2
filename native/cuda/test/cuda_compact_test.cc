// Entries moved in place against a copy made apart: what stays stands in front, in order, and nothing else is touched.
#include "../compact.h"

#include "closeness.h"
#include "passes_world.h"

namespace pathpress::cuda {
namespace {

struct Case {
  const char* name;
  Shape shape;
  std::string policy;  // of which counts, sets and notes are taken
  std::vector<int> prompts;
  int interval, window;
  double share;    // of the candidates that stay
  int run = 1;     // neighbours that stay or leave together
  int settled = 0; // a sequence's first entries that were compressed before
};

PolicyOptions optionsOf(const Case& c) {
  PolicyOptions options;
  options.name = c.policy;
  options.interval = c.interval;
  options.window = c.window;
  options.aggregation = "group";
  if (c.policy == "rpc") options.aggregation = "layer";
  if (c.policy == "lazy-eviction") {
    options.budget = "cap";
    options.keep = c.prompts[0] + c.interval / 2;
  }
  options.ratio = 1 / c.share;
  return options;
}

std::vector<WorldSequence> sequencesOf(const Case& c, const Policy& policy) {
  std::vector<WorldSequence> all;
  for (size_t s = 0; s < c.prompts.size(); ++s) {
    all.emplace_back(c.shape, c.prompts[s], c.prompts[s] + c.interval + c.window + 1, s + 1);
    all.back().prefill(policy);
    all.back().untilDue(policy);
  }
  return all;
}

// Candidates that stay, ascending, by lot in runs.
std::vector<int> chosen(const Case& c, const DeviceCaches& caches) {
  std::mt19937_64 random(4);
  std::vector<int> all(static_cast<size_t>(c.shape.layers * caches.cache.sets * caches.plan.keptRoom));
  for (int row = 0; row < c.shape.layers * caches.cache.sets; ++row) {
    for (const Due& due : caches.plan.due) {
      std::vector<int> runs(static_cast<size_t>((due.candidates + c.run - 1) / c.run)), kept;
      std::iota(runs.begin(), runs.end(), 0);
      if (c.share < 1) std::shuffle(runs.begin(), runs.end(), random);
      for (const int run : runs) {
        for (int i = run * c.run; i < std::min((run + 1) * c.run, due.candidates); ++i) kept.push_back(i);
      }
      kept.resize(static_cast<size_t>(due.scored));
      std::ranges::sort(kept);
      std::ranges::copy(kept, all.begin() + row * caches.plan.keptRoom + due.keptAt);
    }
  }
  return all;
}

struct Moved {
  DeviceCaches caches;
  Compaction task{};
  std::vector<Bf16> before, after;
  std::vector<int> kept;

  // `less`: by how much the list of what stays is too short.
  Moved(TestDevice& device, const Case& c, const Policy& policy, const std::vector<WorldSequence>& sequences,
        size_t less = 0)
      : caches(device, c.shape, policy, sequences), kept(chosen(c, caches)) {
    task = passesOn(device, caches, policy.recipe(), sequences).compaction;
    task.kept = device.input("kept", std::vector<int>(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(less)));
    before = device.values(task.cache.pages);
    CHECK(compactCaches(device.stream(), task));
    after = device.values(task.cache.pages);
  }
};

void check(const Case& c) {
  const auto policy = makePolicy(optionsOf(c));
  const std::vector<WorldSequence> sequences = sequencesOf(c, *policy);
  everyOrder(c.name, [&](TestDevice& device) {
    const Moved moved(device, c, *policy, sequences);
    const DeviceCaches& caches = moved.caches;
    CHECK_CASE(caches.plan.due.size() == sequences.size(), c.name);
    std::vector<Bf16> want = moved.before, got = moved.after;
    const std::vector<int> positions = device.values(moved.task.cache.positions);
    const auto valuesOf = [&](const Global<int>& notes) { return notes ? device.values(notes) : std::vector<int>(); };
    const std::vector<int> stamps = valuesOf(moved.task.stamps), gaps = valuesOf(moved.task.gaps);
    const std::vector<int> lengths = device.values(moved.task.cache.lengths);
    int wrong = 0;
    for (const Due& due : caches.plan.due) {
      CHECK_CASE(lengths[static_cast<size_t>(due.slot)] == due.staying(), c.name);
      for (int layer = 0; layer < c.shape.layers; ++layer) {
        const World& world = sequences[static_cast<size_t>(due.slot - 1)].layers[static_cast<size_t>(layer)];
        for (int head = 0; head < c.shape.kvHeads; ++head) {
          const int set = caches.cache.setOf(head);
          const int row = layer * caches.cache.sets + set;
          const int* kept = &moved.kept[static_cast<size_t>(row * caches.plan.keptRoom + due.keptAt)];
          for (int to = 0; to < due.staying(); ++to) {
            const int place = to - due.pinned, late = to + due.length - due.staying();
            const int from = place < 0 ? to : place < due.scored ? due.pinned + kept[place] : late;
            const auto note = static_cast<size_t>(caches.cache.noteAt(layer, due.slot, set) + to);
            const auto source = static_cast<size_t>(from);
            wrong += positions[note] != world.held[static_cast<size_t>(set)][source];
            if (moved.task.gaps) {
              const RecordView view = world.record->view(0, set);
              wrong += stamps[note] != view.stamps[source] || gaps[note] != view.gaps[source];
            }
            for (int i = 0; i < 2 * c.shape.dim; ++i) {
              const auto at = [&](const std::vector<Bf16>& pages, int entry) {
                return caches.element(pages, layer, due.slot, head, entry, i / c.shape.dim, i % c.shape.dim);
              };
              want[static_cast<size_t>(at(want, to) - want.data())] = *at(moved.before, from);
            }
          }
          // Values past the end are finite, whatever they are: up to the next whole vector.
          for (int to = due.staying(); to % 8 != 0; ++to) {
            for (int channel = 0; channel < c.shape.dim; ++channel) {
              const Bf16* past = caches.element(got, layer, due.slot, head, to, 1, channel);
              wrong += !std::isfinite(bf16ToFloat(past->bits));
              const Bf16* same = caches.element(want, layer, due.slot, head, to, 1, channel);
              got[static_cast<size_t>(past - got.data())] = *same;
            }
          }
        }
      }
    }
    for (size_t i = 0; i < want.size(); ++i) wrong += want[i].bits != got[i].bits;
    noneWrong(wrong, std::string("compact ") + c.name);
  });
}

void values() {
  check({"a quarter, alone and beside another", {2, 2, 1, 64}, "rpc", {5, 70}, 200, 9, 0.25});
  check({"runs of 7, dim 128", {1, 1, 1, 128}, "rpc", {33}, 300, 32, 0.25, 7});
  check({"one in thirty", {1, 2, 1, 64}, "rpc", {3}, 400, 1, 1.0 / 30});
  check({"nearly all", {1, 1, 1, 64}, "rpc", {31}, 150, 2, 0.97});
  check({"a set a head, no recent, notes", {2, 2, 1, 64}, "lazy-eviction", {40}, 90, 8, 0.5});
}

void faults() {
  const Case c{"", {1, 1, 1, 64}, "rpc", {5}, 200, 9, 0.5};
  const auto policy = makePolicy(optionsOf(c));
  const std::vector<WorldSequence> sequences = sequencesOf(c, *policy);
  everyOmissionIsSeen("compaction", [&](TestDevice& device) { Moved(device, c, *policy, sequences); });
  everyOrderSees(emulate::Fault::bounds, "kept", [&](TestDevice& device) { Moved(device, c, *policy, sequences, 1); });
}

// Needed: what stays and moves, read and written once.
void bytes() {
  for (const auto& [name, run, most] : {std::tuple{"runs of 7", 7, 1.5}, {"runs of 64", 64, 1.2}}) {
    const Case c{name, {1, 1, 1, 128}, "rpc", {40}, 1600, 32, 0.25, run};
    const auto policy = makePolicy(optionsOf(c));
    const std::vector<WorldSequence> sequences = sequencesOf(c, *policy);
    TestDevice device(forward);
    const Moved moved(device, c, *policy, sequences);
    CHECK(device.faults().none());
    const Due& due = moved.caches.plan.due[0];
    const double needed = 2.0 * (due.scored + due.length - due.candidatesEnd()) * c.shape.dim * 4;
    const emulate::Traffic &pages = device.traffic("pages"), all = device.traffic();
    const double moves = static_cast<double>(all.distinct + all.stored) * emulate::sectorBytes / needed;
    std::printf("compaction, %s: moved over needed %.3f; pages asked for %.3f times\n", name, moves,
                static_cast<double>(pages.loaded) / static_cast<double>(pages.distinct));
    CHECK_CASE(moves <= most && pages.loaded == pages.distinct, name);
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(compact) {
  using namespace pathpress::cuda;
  values();
  faults();
  emulatedOnly("bytes moved", bytes);
}
