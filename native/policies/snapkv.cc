// SnapKV (arXiv 2404.14469): once, when the prompt is written, its last queries vote on which of its entries stay.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct SnapKv : BudgetedPolicy {
  explicit SnapKv(const PolicyOptions& o) : BudgetedPolicy(o, {.underCap = Trigger::prefill}) {
    setSnapVotes(how, o);
    how.sets = layerOrGroup(o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeSnapKv(const PolicyOptions& options) { return std::make_unique<SnapKv>(options); }

}  // namespace pathpress
