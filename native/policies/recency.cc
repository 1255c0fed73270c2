// The most recent generated tokens stay: with the prompt pinned, the control that every score has to beat.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Recency : BudgetedPolicy {
  explicit Recency(const PolicyOptions& o) : BudgetedPolicy(o, {}) { how.scoring = Scoring::recency; }
};

}  // namespace

std::unique_ptr<Policy> makeRecency(const PolicyOptions& options) { return std::make_unique<Recency>(options); }

}  // namespace pathpress
