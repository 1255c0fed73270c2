// TOVA (arXiv 2401.06104): the entry that the current query attends to least leaves; nothing but the prompt, where it is
// pinned, is protected.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Tova : BudgetedPolicy {
  explicit Tova(const PolicyOptions& o) : BudgetedPolicy(o, {.underCap = Trigger::everyStep, .recent = Recent::none}) {
    how.scoring = Scoring::votes;
    how.selectors = Selectors::recent;
    how.queries = 1;
    how.softmax = Domain::row;
    how.sets = layerOrGroup(o);
  }
};

}  // namespace

std::unique_ptr<Policy> makeTova(const PolicyOptions& options) { return std::make_unique<Tova>(options); }

}  // namespace pathpress
