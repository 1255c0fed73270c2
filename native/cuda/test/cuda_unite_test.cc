// Sets of single query heads: what each keeps, compression after compression, against the CPU's own choice, and what their
// key-value heads hold for them.
#include "compress_cases.h"

namespace pathpress::cuda {
namespace {

CompressCase own(const std::function<void(PolicyOptions&)>& change = {}) {
  return with("rpc", [&](PolicyOptions& o) {
    o.aggregation = "head";
    if (change) change(o);
  });
}

void values() {
  CompressCase deep = own();
  deep.layers = 2;
  compressAsTheCpu(deep);
  compressAsTheCpu(own(unpinned));
  compressAsTheCpu(own(set(&PolicyOptions::selectors, "prompt")));
  compressAsTheCpu(own(set(&PolicyOptions::neighbours, "position")));
  compressAsTheCpu(own(set(&PolicyOptions::preset, "reference")));
  compressAsTheCpu(own(set(&PolicyOptions::interval, 5)));  // of which more rows vote than are new
}

// An index that is one too far is seen, and each barrier is needed: the latter of a second compression, which finds sets
// that differ.
void faults() {
  const auto policy = makePolicy(own().options);
  std::vector<WorldSequence> sequences;
  sequences.emplace_back(compressShape, 36, 200, 7);
  sequences[0].prefill(*policy);
  sequences[0].untilDue(*policy);
  for (const char* const cut : {"marks", "united counts"}) {
    everyOrderSees(emulate::Fault::bounds, cut, [&](TestDevice& device) {
      const DeviceCaches caches(device, compressShape, *policy, sequences);
      compress(device.stream(), passesOn(device, caches, policy->recipe(), sequences, cut));
    });
  }
  sequences[0].layers[0].settle(keptBy(*policy, sequences[0], 1)[0]);
  sequences[0].untilDue(*policy);
  everyOmissionIsSeen("unite", [&](TestDevice& device) {
    const DeviceCaches caches(device, compressShape, *policy, sequences);
    Passes passes = passesOn(device, caches, policy->recipe(), sequences);
    std::vector<int> kept;  // of each head the candidates from its own number on
    for (int head = 0; head < compressShape.heads(); ++head) {
      for (int i = 0; i < caches.plan.keptRoom; ++i) kept.push_back(head + i);
    }
    passes.uniting.kept = device.input("kept", kept);
    uniteSets(device.stream(), passes.uniting);
  });
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(unite) {
  using namespace pathpress::cuda;
  values();
  faults();
}
