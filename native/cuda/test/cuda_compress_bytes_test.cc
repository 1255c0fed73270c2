// Bytes that a whole compression moves over those that it needs: the candidates' keys read twice, and what is not
// pinned of what stays read and written once.
#include "../choose.cu"
#include "../compact.cu"
#include "../ranks.cu"
#include "../redundancy.cu"
#include "../reranks.cu"
#include "../votes.cu"

#include "passes_world.h"

namespace pathpress::cuda {
namespace {

struct Moved {
  double needed;      // bytes
  double all, cache;  // moved
  double asked;       // sectors of the cache asked for over different ones
};

Moved moved(const Shape& shape, const Policy& policy, const std::vector<WorldSequence>& sequences) {
  Emulator device({emulate::Order::Kind::forward});
  const DeviceCaches caches(device, shape, policy, sequences);
  CHECK(compress(&device, passesOn(device, caches, policy.recipe(), sequences)));
  CHECK(device.faults().none());
  double needed = 0;
  for (const Due& due : caches.plan.due) {
    const double staying = due.staying() - due.pinned;
    needed += (2.0 * due.candidates + 4.0 * staying) * shape.layers * shape.kvHeads * shape.dim * 2;
  }
  const emulate::Traffic all = device.traffic(), &pages = device.traffic("pages");
  return {needed, static_cast<double>(all.distinct + all.stored) * emulate::sectorBytes,
          static_cast<double>(pages.distinct + pages.stored) * emulate::sectorBytes,
          static_cast<double>(pages.loaded) / static_cast<double>(pages.distinct)};
}

// The less of the candidates stays, the more is over: values lie transposed, and of their sectors of 16 entries all are
// read of which one stays. The query rows, of which the floor knows nothing, weigh the more the shorter the interval.
void bytes(int interval, const std::vector<double>& most) {
  const Shape shape{1, 1, 7, 128};
  PolicyOptions options;
  options.name = "rpc";
  options.interval = interval;
  const auto policy = makePolicy(options);
  std::vector<WorldSequence> sequences;
  sequences.emplace_back(shape, 64, 64 + static_cast<int>(most.size()) * interval + 32, 6);
  sequences[0].prefill(*policy);
  for (const double limit : most) {
    sequences[0].untilDue(*policy);
    const Moved one = moved(shape, *policy, sequences);
    std::printf("compression %d of rpc, P %d, group 7, dim 128: moved over needed %.3f, the cache alone %.3f\n",
                static_cast<int>(sequences[0].progress().cycle) + 1, interval, one.all / one.needed,
                one.cache / one.needed);
    CHECK(one.all / one.needed <= limit && one.asked == 1);
    for (World& world : sequences[0].layers) world.settle(world.compressed(*policy));
  }
}

}  // namespace
}  // namespace pathpress::cuda

int main() {
  pathpress::cuda::bytes(4096, {1.3, 1.25, 1.2});
  pathpress::cuda::bytes(1024, {1.4, 1.3, 1.25, 1.2});
  return checks();
}
