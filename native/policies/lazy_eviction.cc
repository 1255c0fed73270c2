// LazyEviction (arXiv 2506.15969): entries leave that have not been visited for long, measured by the longest time that
// they ever went between two visits.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct LazyEviction : BudgetedPolicy {
  explicit LazyEviction(const PolicyOptions& o) : BudgetedPolicy(o, {.recent = Recent::none}) {
    demand(o.threshold >= 0 && o.threshold < 1, "threshold", std::to_string(o.threshold), "must be from 0 to below 1");
    how.scoring = Scoring::record;
    how.record = Record::recurrence;
    how.threshold = o.threshold;
    how.sets = layerOrGroup(o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeLazyEviction(const PolicyOptions& options) { return std::make_unique<LazyEviction>(options); }

}  // namespace pathpress
