// StreamingLLM (arXiv 2309.17453): the first entries, the attention sinks, and the latest stay; a key is rotated by its
// place in the cache, so that distances never outgrow it. In a 16-bit cache it is the unrotated key that is rounded: a
// cap above the length is the full cache bit for bit in a cache of 32 bits only.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Streaming : BudgetedPolicy {
  explicit Streaming(const PolicyOptions& o)
      : BudgetedPolicy(o, {.underCap = Trigger::everyStep, .recent = Recent::all, .sinks = o.sinks}) {
    how.rotatedAtReading = true;
  }
};

}  // namespace

std::unique_ptr<Policy> makeStreaming(const PolicyOptions& options) { return std::make_unique<Streaming>(options); }

}  // namespace pathpress
