// AdaKV (arXiv 2407.11550): SnapKV's votes, but the heads of a layer share out their places: each keeps its own best up
// to a floor, and the best of all heads together fill the rest. Heads end up of uneven length.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct AdaKv : BudgetedPolicy {
  explicit AdaKv(const PolicyOptions& o) : BudgetedPolicy(o, {.underCap = Trigger::prefill}) {
    demand(o.floor >= 0 && o.floor <= 1, "floor", std::to_string(o.floor), "must be from 0 to 1");
    setSnapVotes(how, o);
    how.sets = Aggregation::group;
    how.sharedOut = true;
    how.floorShare = o.floor;
  }
};

}  // namespace

std::unique_ptr<Policy> makeAdaKv(const PolicyOptions& options) { return std::make_unique<AdaKv>(options); }

}  // namespace pathpress
