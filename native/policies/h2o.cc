// H2O (arXiv 2306.14048): the entries that gathered the most attention so far stay, and the latest. In models of grouped
// queries the attention of a group is its mean. Published without pooling.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

Recent recentOf(const PolicyOptions& o) {
  return oneOf<Recent>("recent", o.recent, {{"half", Recent::half}, {"window", Recent::window}});
}

struct H2o : BudgetedPolicy {
  explicit H2o(const PolicyOptions& o)
      : BudgetedPolicy(o, {.underCap = Trigger::everyStep, .recent = recentOf(o)}) {
    how.scoring = Scoring::record;
    how.record = Record::mass;
    how.sets = layerOrGroup(o);
    setPooling(how, o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeH2o(const PolicyOptions& options) { return std::make_unique<H2o>(options); }

}  // namespace pathpress
