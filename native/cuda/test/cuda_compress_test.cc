// All passes of every policy, compression after compression, against what the CPU's own code keeps.
#include <set>

#include "compress_cases.h"

namespace pathpress::cuda {
namespace {

std::set<std::string> tried;  // policies

void check(const CompressCase& c) {
  tried.insert(c.name);
  compressAsTheCpu(c);
}

void values() {
  // Draws depend on the layer.
  for (const char* name : {"rpc", "random", "rpc-shuffled", "vase"}) {
    CompressCase deep = with(name);
    deep.layers = 3;
    check(deep);
  }
  check(with("rpc", set(&PolicyOptions::aggregation, "group")));
  check(with("rpc", set(&PolicyOptions::selectors, "all")));
  check(with("rpc", set(&PolicyOptions::selectors, "prompt")));
  check(with("rpc", set(&PolicyOptions::pooling, "max")));
  check(with("rpc", set(&PolicyOptions::pooling, "none")));
  check(with("rpc", set(&PolicyOptions::neighbours, "position")));
  check(with("rpc-inverted"));
  check(with("recency"));
  check(with("random", [](PolicyOptions& o) {
    cap(o);
    o.draw = "redraw";
    o.granularity = "head";
  }));
  check(with("streaming", unpinned));
  check(with("h2o", unpinned));
  check(with("raas", cap));
  check(with("lazy-eviction", set(&PolicyOptions::threshold, 0.02)));
  check(with("tova", unpinned));
  check(with("snapkv-decode", unpinned));
  check(with("snapkv-decode", set(&PolicyOptions::aggregation, "group")));
  check(with("adaptive", set(&PolicyOptions::interval, 30)));
  check(with("rpc", set(&PolicyOptions::preset, "reference")));
  CompressCase prefill = with("snapkv", unpinned);
  prefill.prompts = {70, 131};
  prefill.cycles = 1;
  check(prefill);
  CompressCase shared = with("adakv", unpinned);
  shared.prompts = {70, 131};
  shared.cycles = 1;
  shared.layers = 2;
  check(shared);
  check(with("lookahead"));
  check(with("r-kv", unpinned));
  check(with("r-kv", set(&PolicyOptions::aggregation, "group")));
  check(with("vase", unpinned));
  check(with("vase", set(&PolicyOptions::aggregation, "group")));
}

// Every policy was tried but those that evict nothing.
void registry() {
  for (const PolicyRow& row : policyRows()) {
    PolicyOptions options = with("", unpinned).options;
    options.name = row.name;
    const auto policy = makePolicy(options);
    if (policy->evicts()) CHECK_CASE(tried.contains(options.name), options.name);
  }
}

// An index that is one too far is seen, and each barrier is needed: of the passes that other tests know nothing of.
void faults() {
  for (const char* name : {"rpc-shuffled", "r-kv", "vase"}) {
    const auto policy = makePolicy(with(name, set(&PolicyOptions::aggregation, "layer")).options);
    std::vector<WorldSequence> sequences;
    sequences.emplace_back(compressShape, 36, 110, 7);  // candidates end with a page
    sequences[0].prefill(*policy);
    sequences[0].untilDue(*policy);
    const auto run = [&](const std::string& cut) {
      return [&, cut](TestDevice& device) {
        const DeviceCaches caches(device, compressShape, *policy, sequences);
        compress(device.stream(), passesOn(device, caches, policy->recipe(), sequences, cut));
      };
    };
    const Recipe recipe = policy->recipe();
    std::vector<std::string> arrays{"ranks", "kept"};
    if (recipe.shuffled) arrays = {"shuffled"};
    if (recipe.lambda < 1) arrays = {"scales", "dropped"};
    if (recipe.rangeShare > 0) arrays = {"widths"};
    for (const std::string& cut : arrays) everyOrderSees(emulate::Fault::bounds, name + (", " + cut), run(cut));
    if (recipe.rangeShare > 0) continue;  // chooses, and has no barrier of its own
    everyOmissionIsSeen(name, [&](TestDevice& device) {
      const DeviceCaches caches(device, compressShape, *policy, sequences);
      Passes passes = passesOn(device, caches, recipe, sequences);
      const Global<double> given = device.array("given", std::vector<double>(passes.ranksRoom(), 0.5));
      passes.redundancy.ranks.ranks = passes.shuffling.ranks.ranks = given;
      if (recipe.shuffled) shuffleRanks(device.stream(), passes.shuffling);
      else takeOffRedundancy(device.stream(), passes.redundancy);
    });
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(compress) {
  using namespace pathpress::cuda;
  values();
  registry();
  faults();
}
