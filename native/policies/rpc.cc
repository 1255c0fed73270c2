// Reasoning Path Compression (arXiv 2505.13866): the latest queries vote on which generated tokens stay.
//
// `reference` is what the authors' released code computes, `corrected` what their paper describes. They differ in:
//   voters   `reference` notes a query from token N·P + 2 on and the current one once more, after the previous
//            compression only: up to R - 1 rows, the last counted twice (R = 1: the current alone);
//   counts   N·floor(P / c) against floor(N·P / c);
//   pooling  the authors' average divides by the kernel at the edges too;
//   scores   the model's type, rounded where a tensor of theirs is written (votes.cc), against float32.
// Their `prompt` selectors were never written, `all` is not theirs: both vote with plain rows under either preset.
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Rpc : BudgetedPolicy {
  explicit Rpc(const PolicyOptions& o)
      : BudgetedPolicy(o, {.underCap = Trigger::rpc}),
        reference(oneOf<bool>("preset", o.preset, {{"corrected", false}, {"reference", true}})) {
    how.scoring = Scoring::votes;
    how.sets = oneOf<Aggregation>(
        "aggregation", o.aggregation,
        {{"layer", Aggregation::layer}, {"group", Aggregation::group}, {"head", Aggregation::head}});
    how.selectors = oneOf<Selectors>(
        "selectors", o.selectors,
        {{"recent", Selectors::recent}, {"prompt", Selectors::prompt}, {"all", Selectors::all}});
    setPooling(how, o);
    how.neighboursByPosition = oneOf<bool>("neighbours", o.neighbours, {{"cache", false}, {"position", true}});
    how.paddingCounts = how.modelArithmetic = reference;

    how.queries = how.selectors == Selectors::all ? interval_ + window_ : window_;
    if (reference && how.selectors == Selectors::recent && window_ > 1) {
      how.queries = window_ - 1;
      how.lastTwice = how.freshOnly = true;
    }
  }

 protected:
  int64_t keptGenerated(int64_t n) const override {
    return reference ? n * static_cast<int64_t>(static_cast<double>(interval_) / ratio_)
                     : BudgetedPolicy::keptGenerated(n);
  }

  bool reference;
};

}  // namespace

std::unique_ptr<Policy> makeRpc(const PolicyOptions& options) { return std::make_unique<Rpc>(options); }

}  // namespace pathpress
