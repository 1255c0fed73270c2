// RaaS (arXiv 2502.11147): an entry's stamp is the last row of attention that had it in its upper half; the entry with
// the oldest stamp leaves.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Raas : BudgetedPolicy {
  explicit Raas(const PolicyOptions& o) : BudgetedPolicy(o, {.underCap = Trigger::everyStep, .recent = Recent::none}) {
    how.scoring = Scoring::record;
    how.record = Record::stamp;
    how.sets = layerOrGroup(o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeRaas(const PolicyOptions& options) { return std::make_unique<Raas>(options); }

}  // namespace pathpress
