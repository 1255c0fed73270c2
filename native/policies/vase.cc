// VaSE (arXiv 2606.03928): a quarter of those that stay are the entries with the widest values; the others are drawn
// without replacement, in proportion to SnapKV's votes. The first entries and the latest always stay.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Vase : BudgetedPolicy {
  explicit Vase(const PolicyOptions& o) : BudgetedPolicy(o, {.sinks = o.sinks}) {
    setSnapVotes(how, o);
    how.softmax = Domain::slice;  // as the authors' code has it: over the candidates and the sinks alone
    how.sets = layerOrGroup(o);
    how.rangeShare = 0.25;
    how.drawn = true;
  }
};

}  // namespace

std::unique_ptr<Policy> makeVase(const PolicyOptions& options) { return std::make_unique<Vase>(options); }

}  // namespace pathpress
