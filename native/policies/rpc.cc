// Reasoning Path Compression (arXiv 2505.13866): the latest queries vote on which generated tokens stay.
//
// `reference` is what the authors' released code computes, `corrected` what their paper describes. They differ in:
//   voters   `reference` notes a query from token N·P + 2 on and the current one once more, after the previous
//            compression only: up to R - 1 rows, the last counted twice (R = 1: the current alone);
//   counts   N·floor(P / c) against floor(N·P / c);
//   pooling  the authors' average divides by the kernel at the edges too;
//   scores   the model's type, rounded where a tensor of theirs is written (select.cc), against float32.
// Their `prompt` selectors were never written, `all` is not theirs: both vote with plain rows under either preset.
#include "periodic.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Rpc : PeriodicPolicy {
  explicit Rpc(const PolicyOptions& o)
      : PeriodicPolicy(o), reference(oneOf<bool>("preset", o.preset, {{"corrected", false}, {"reference", true}})) {
    how.scoring = Scoring::votes;
    how.sets = oneOf<Aggregation>(
        "aggregation", o.aggregation,
        {{"layer", Aggregation::layer}, {"group", Aggregation::group}, {"head", Aggregation::head}});
    how.selectors = oneOf<Selectors>(
        "selectors", o.selectors,
        {{"recent", Selectors::recent}, {"prompt", Selectors::prompt}, {"all", Selectors::all}});
    how.pooling = oneOf<Pooling>("pooling", o.pooling,
                                 {{"avg", Pooling::avg}, {"max", Pooling::max}, {"none", Pooling::none}});
    how.neighboursByPosition = oneOf<bool>("neighbours", o.neighbours, {{"cache", false}, {"position", true}});
    how.paddingCounts = how.modelArithmetic = reference;
    demand(o.kernel >= 1 && o.kernel % 2 == 1, "kernel", std::to_string(o.kernel), "must be odd and at least 1");
    how.kernel = o.kernel;

    how.queries = how.selectors == Selectors::all ? interval_ + window_ : window_;
    if (reference && how.selectors == Selectors::recent && window_ > 1) {
      how.queries = window_ - 1;
      how.lastTwice = how.freshOnly = true;
    }
  }

  Recipe recipe() const override { return how; }

 protected:
  bool triggersLikeRpc() const override { return true; }

  int64_t keptGenerated(int64_t n) const override {
    return reference ? n * static_cast<int64_t>(static_cast<double>(interval_) / ratio_)
                     : PeriodicPolicy::keptGenerated(n);
  }

  bool reference;
  Recipe how;
};

}  // namespace

std::unique_ptr<Policy> makeRpc(const PolicyOptions& options) { return std::make_unique<Rpc>(options); }

}  // namespace pathpress
