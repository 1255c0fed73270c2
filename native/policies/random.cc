// Random generated tokens stay. `persistent` gives a token one priority for life, so that the same share of every
// interval stays; `redraw` draws anew at each compression, which is a soft recency window. A `run` of neighbours shares
// its priority, as RPC's pooling of that kernel keeps neighbours together.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Random : BudgetedPolicy {
  explicit Random(const PolicyOptions& o) : BudgetedPolicy(o, {}) {
    how.scoring = Scoring::priority;
    how.redraw = oneOf<bool>("draw", o.draw, {{"persistent", false}, {"redraw", true}});
    how.sets = oneOf<Aggregation>("granularity", o.granularity,
                                  {{"layer", Aggregation::layer}, {"head", Aggregation::group}});
    demand(o.run >= 1, "run", std::to_string(o.run), "must be at least 1");
    how.run = o.run;
  }
};

}  // namespace

std::unique_ptr<Policy> makeRandom(const PolicyOptions& options) { return std::make_unique<Random>(options); }

}  // namespace pathpress
