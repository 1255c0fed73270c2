// SnapKV's choice made again and again during generation, over the prompt and what was generated.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct SnapKvDecode : BudgetedPolicy {
  explicit SnapKvDecode(const PolicyOptions& o) : BudgetedPolicy(o, {}) {
    setSnapVotes(how, o);
    how.sets = layerOrGroup(o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeSnapKvDecode(const PolicyOptions& options) { return std::make_unique<SnapKvDecode>(options); }

}  // namespace pathpress
