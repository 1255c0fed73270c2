// The parts of the benchmark, each of which prints its lines. Lengths and batches are those of the named shape: a tiny
// one is for the test in emulation.
#pragma once

#include "../decoder.h"
#include "machine.h"
#include "random_model.h"

namespace pathpress::cuda::bench {

struct Bench {
  Device& device;
  const NamedShape& named;
  const DeviceModel& model;
  Stopwatch& watch;
  bool tiny;
  uint64_t freeBefore;  // bytes, before the part took any
};

void measureCeilings(Device& device, Stopwatch& watch, bool tiny);
void measureProducts(const Bench& bench);
void measureAttention(const Bench& bench);
void measureRest(const Bench& bench);
void measureSteps(const Bench& bench);
void measureCompressions(const Bench& bench);
void measureLargest(const Bench& bench);

}  // namespace pathpress::cuda::bench
