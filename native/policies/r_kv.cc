// R-KV (arXiv 2505.24133): votes of the latest queries, less what a key repeats of the others.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct RKv : BudgetedPolicy {
  explicit RKv(const PolicyOptions& o) : BudgetedPolicy(o, {}) {
    demand(o.lambda >= 0 && o.lambda <= 1, "lambda", std::to_string(o.lambda), "must be from 0 to 1");
    setSnapVotes(how, o);
    how.softmax = Domain::slice;
    how.strongestOfGroup = true;
    how.lambda = o.lambda;
    how.sets = layerOrGroup(o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeRKv(const PolicyOptions& options) { return std::make_unique<RKv>(options); }

}  // namespace pathpress
