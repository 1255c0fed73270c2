// An oracle, to tell what a score could win: at each trigger the next tokens are generated with everything kept, the
// attention that they give is summed up (mean over all heads of a layer), the sequence goes back to the trigger, and the
// candidates that got the most stay, pooled over neighbours as RPC's votes are: single entries by their attention alone
// do worse than RPC on `loops`, whose values are two tokens. When it compresses and how many stay are RPC's. It cannot be
// had for its price: each token is generated twice or more.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Lookahead : BudgetedPolicy {
  explicit Lookahead(const PolicyOptions& o) : BudgetedPolicy(o, {.underCap = Trigger::rpc}) {
    demand(o.ahead >= 0, "ahead", std::to_string(o.ahead), "must be at least 0");
    how.scoring = Scoring::record;
    how.record = Record::mass;
    how.ahead = o.ahead > 0 ? o.ahead : interval_;
    setPooling(how, o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeLookahead(const PolicyOptions& options) { return std::make_unique<Lookahead>(options); }

}  // namespace pathpress
