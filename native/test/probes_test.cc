// The probes do what they are paid for: every byte is read, and sums come out as arithmetic says.
#include "../bench/probes.h"

#include <cmath>
#include <vector>

#include "../bench/attention.h"
#include "../bench/ceilings.h"
#include "../engine/kernels.h"
#include "check.h"

using namespace pathpress;

int main() {
  for (const Kernels* kernels : availableKernels()) {
    const Probe& probe = probeFor(kernels->name);
    CHECK_CASE(std::string_view(kernels->name).starts_with(probe.name), kernels->name);

    std::vector<std::byte> buffer(2048 + 4096);
    CHECK_CASE(probe.read(buffer.data(), 2048, 0) == 0, kernels->name);
    for (const size_t ahead : {size_t{0}, size_t{2048}}) {
      bool all = true;
      for (size_t at = 0; at < 2048; ++at) {
        buffer[at] = std::byte{1};
        all &= probe.read(buffer.data(), 2048, ahead) != 0;
        buffer[at] = std::byte{0};
      }
      CHECK_CASE(all, kernels->name);
    }

    // Every sum tends to small / (1 - nearOne) = 1 in each lane: x = x · 0.999999 + 1e-6 (float32 makes it no exact 1).
    // Twelve of them are added up, in so many lanes as operationsARound says.
    const auto lanes = static_cast<double>(probe.operationsARound) / 2;
    CHECK_CASE(std::abs(probe.multiplyAdd(20'000'000) / lanes - 1) < 0.1, kernels->name);
    // The dot's sums grow by two products of 1e-3 in bfloat16 a round: 2 · 0.00100^2, of which each operand is 0.4 % off.
    if (probe.dot) {
      const auto sums = static_cast<double>(probe.dotOperationsARound) / 4;
      CHECK_CASE(std::abs(probe.dot(1000) / sums / (1000 * 2e-6) - 1) < 0.02, kernels->name);
    }

    for (const ProductInput products : {ProductInput::float32, ProductInput::bf16}) {
      // Query heads of 64 channels together: their rows lie further apart than they are wide.
      const AttentionWork work{2, 2, 4, 8, 40, DType::bf16, products, 2, kernels->name};
      CHECK_CASE(attentionSeconds(work, 3).size() == 3, kernels->name);
    }
  }
  const double roundTrip = roundTripSeconds();  // light itself needs a nanosecond for a hand's breadth there and back
  CHECK(roundTrip > 1e-9 && roundTrip < 10);
  return checks();
}
