// A request by the CPU engine and by another: tokens, the logits that each was drawn from, and kept positions.
#pragma once

#include "engine_on_device.h"

namespace pathpress::cuda {

// In deviations of a row's logits, as in cuda_decode_test and cuda_generate_test.
constexpr float logitsBound = 0.05f;

struct Told {
  Result result;
  Generated generated;
};

// Throws std::runtime_error with what the engine says where the request comes to nothing.
inline Told tell(Engine& engine, const Request& request) {
  const auto keeper = std::make_shared<LogitsKeeper>(1);
  engine.start(1, {request}, 1, keeper);
  keeper->finished.get_future().wait();
  if (keeper->results[0].empty()) {
    throw std::runtime_error(keeper->failures[0].empty() ? keeper->end : keeper->failures[0][0]);
  }
  const Result& result = keeper->results[0][0];
  return {result, {result.ids, keeper->rows[0]}};
}

// Another engine's outcome beside the CPU's. Where a set of kept positions differs, what comes after it was computed from
// other entries: logits are compared up to there, and up to where the tokens differ.
struct Compared {
  Told cpu, other;
  size_t same = 0;     // tokens that have to be the same: see comparable()
  int sets = 0;        // of kept positions, after tokens that are the same
  int wrongSets = 0;   // of these, other positions
  float apart = 0;     // in deviations

  bool sameTokens() const { return cuda::sameTokens(other.generated, cpu.generated, same); }
};

inline Compared compared(Told cpu, Told other) {
  Compared both{std::move(cpu), std::move(other)};
  const Generated &want = both.cpu.generated, &got = both.other.generated;
  both.same = comparable(got, want, logitsBound);
  auto alike = static_cast<size_t>(std::ranges::mismatch(got.ids, want.ids).in2 - want.ids.begin());
  const std::vector<KeptPositions>&wanted = both.cpu.result.trace, &kept = both.other.result.trace;
  for (const KeptPositions& set : wanted) {
    if (set.generated > static_cast<int64_t>(alike)) break;
    const size_t i = static_cast<size_t>(both.sets++);
    if (i < kept.size() && kept[i].generated == set.generated && kept[i].layer == set.layer &&
        kept[i].head == set.head && kept[i].positions == set.positions) {
      continue;
    }
    both.wrongSets += 1;
    alike = static_cast<size_t>(set.generated);
  }
  both.apart = difference(got, want, alike);
  return both;
}

}  // namespace pathpress::cuda
