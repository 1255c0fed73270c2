#include "budget.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace pathpress {

void demand(bool good, const std::string& option, const std::string& value, const std::string& rule) {
  if (!good) throw std::invalid_argument(option + " " + value + ": " + rule);
}

BudgetedPolicy::BudgetedPolicy(const PolicyOptions& o, const Frame& frame)
    : interval_(o.interval),
      window_(o.window),
      ratio_(o.ratio),
      cap_(oneOf<bool>("budget", o.budget, {{"ratio", false}, {"cap", true}})),
      keep_(o.keep),
      pinPrompt_(o.pinPrompt),
      frame_(frame),
      trigger_(cap_ ? frame.underCap : Trigger::rpc) {
  demand(interval_ >= 1, "interval", std::to_string(interval_), "must be at least 1");
  demand(window_ >= 1, "window", std::to_string(window_), "must be at least 1");
  demand(std::isfinite(ratio_) && ratio_ >= 1, "ratio", std::to_string(ratio_), "must be at least 1");
  demand(frame.sinks >= 0, "sinks", std::to_string(frame.sinks), "must be at least 0");
  if (frame.underCap == Trigger::prefill) {
    demand(cap_, "budget", o.budget, "policy " + o.name + " evicts at prefill, a ratio during generation only");
    demand(!pinPrompt_, "pinPrompt", "true", "policy " + o.name + " evicts from the prompt only");
  }
  if (!cap_) return;
  const bool votes = frame.recent == Recent::window;
  demand(keep_ >= (votes ? window_ : 1), "keep", std::to_string(keep_),
         votes ? "less than the window " + std::to_string(window_) : "must be at least 1");
}

bool BudgetedPolicy::due(const Progress& p) const {
  const bool asked = p.cycle > 0 && p.written == p.lastTrigger;
  if (asked) return false;
  if (trigger_ == Trigger::prefill) return p.written == 0;
  if (trigger_ == Trigger::everyStep) return p.prompt + p.written > keep_;
  const int64_t since = p.written - (trigger_ == Trigger::rpc ? window_ : 0);
  return since > 0 && since % interval_ == 0;
}

int64_t BudgetedPolicy::keptGenerated(int64_t n) const {
  return static_cast<int64_t>(std::floor(static_cast<double>(n * interval_) / ratio_));
}

int64_t BudgetedPolicy::pinned(int64_t promptTokens) const {
  return std::max(frame_.sinks, pinPrompt_ ? promptTokens : 0);
}

Keep BudgetedPolicy::keep(const Progress& p) const {
  // The same total whether or not the prompt is pinned: unpinned it joins the candidates.
  const int64_t total = cap_ ? keep_ : p.prompt + keptGenerated((p.written - window_) / interval_) + window_;
  const int64_t seen = p.prompt + p.written;
  const bool votes = frame_.recent == Recent::window;
  Keep k;
  k.pinned = std::min({pinned(p.prompt), seen, std::max<int64_t>(0, total - (votes ? window_ : 0))});
  const int64_t room = total - k.pinned;
  switch (frame_.recent) {
    case Recent::window: k.recent = window_; break;
    case Recent::none: k.recent = 0; break;
    case Recent::half: k.recent = room - room / 2; break;
    case Recent::all: k.recent = room; break;
  }
  k.recent = std::min(k.recent, seen - k.pinned);
  k.scored = room - k.recent;
  return k;
}

// A periodic policy: just before the first compression, where a cap cuts a long prompt, just before the last, or at the end;
// from the first on what stays never shrinks from one compression to the next.
int64_t BudgetedPolicy::peak(int64_t promptTokens, int64_t written) const {
  if (how.sharedOut) return promptTokens + written;  // one head may keep all
  if (trigger_ == Trigger::prefill) return std::max(promptTokens, std::min(promptTokens, keep_) + written);
  if (trigger_ == Trigger::everyStep) return std::max(promptTokens, std::min(promptTokens + written, keep_ + 1));
  const int64_t offset = trigger_ == Trigger::rpc ? window_ : 0;
  const int64_t last = written > offset ? (written - offset) / interval_ : 0;
  const auto after = [&](int64_t n) {
    const int64_t at = n * interval_ + offset;
    if (n == 0) return promptTokens + offset;
    const Keep k = keep({promptTokens, at, 0, 0});
    return std::min(promptTokens + at, k.pinned + k.scored + k.recent);
  };
  if (last == 0) return promptTokens + written;
  return std::max({after(0) + interval_, after(last - 1) + interval_, after(last) + written - (last * interval_ + offset)});
}

void BudgetedPolicy::admit(int64_t promptTokens) const {
  const bool votes = frame_.recent == Recent::window;
  const int64_t least = pinned(promptTokens) + (votes ? window_ : 1);
  demand(!cap_ || keep_ >= least, "keep", std::to_string(keep_),
         "less than the " + std::to_string(least) + " entries that are pinned (prompt and " +
             (votes ? "window)" : "the newest)"));
}

Aggregation layerOrGroup(const PolicyOptions& o) {
  return oneOf<Aggregation>("aggregation", o.aggregation,
                            {{"layer", Aggregation::layer}, {"group", Aggregation::group}});
}

void setPooling(Recipe& recipe, const PolicyOptions& o) {
  recipe.pooling =
      oneOf<Pooling>("pooling", o.pooling, {{"avg", Pooling::avg}, {"max", Pooling::max}, {"none", Pooling::none}});
  demand(o.kernel >= 1 && o.kernel % 2 == 1, "kernel", std::to_string(o.kernel), "must be odd and at least 1");
  recipe.kernel = o.kernel;
}

void setSnapVotes(Recipe& recipe, const PolicyOptions& o) {
  recipe.scoring = Scoring::votes;
  recipe.selectors = Selectors::recent;
  recipe.queries = o.window;
  recipe.softmax = Domain::row;
  setPooling(recipe, o);
}

}  // namespace pathpress
