#include "periodic.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace pathpress {

void demand(bool good, const std::string& option, const std::string& value, const std::string& rule) {
  if (!good) throw std::invalid_argument(option + " " + value + ": " + rule);
}

PeriodicPolicy::PeriodicPolicy(const PolicyOptions& o)
    : interval_(o.interval),
      window_(o.window),
      ratio_(o.ratio),
      cap_(oneOf<bool>("budget", o.budget, {{"ratio", false}, {"cap", true}})),
      keep_(o.keep),
      pinPrompt_(o.pinPrompt) {
  demand(interval_ >= 1, "interval", std::to_string(interval_), "must be at least 1");
  demand(window_ >= 1, "window", std::to_string(window_), "must be at least 1");
  demand(std::isfinite(ratio_) && ratio_ >= 1, "ratio", std::to_string(ratio_), "must be at least 1");
  demand(!cap_ || keep_ >= window_, "keep", std::to_string(keep_), "less than the window " + std::to_string(window_));
}

bool PeriodicPolicy::due(const Progress& p) const {
  const int64_t since = p.written - (triggersLikeRpc() ? window_ : 0);
  return since > 0 && since % interval_ == 0 && p.written != p.lastTrigger;
}

int64_t PeriodicPolicy::keptGenerated(int64_t n) const {
  return static_cast<int64_t>(std::floor(static_cast<double>(n * interval_) / ratio_));
}

Keep PeriodicPolicy::keep(const Progress& p) const {
  Keep k;
  k.pinned = pinPrompt_ ? p.prompt : 0;
  k.recent = std::min(window_, p.prompt + p.written - k.pinned);
  // The same total whether or not the prompt is pinned: unpinned it joins the candidates.
  k.scored = cap_ ? keep_ - k.pinned - k.recent
                  : p.prompt - k.pinned + keptGenerated((p.written - window_) / interval_);
  return k;
}

// Just before the last compression, or at the end: what stays never shrinks from one compression to the next.
int64_t PeriodicPolicy::peak(int64_t promptTokens, int64_t written) const {
  const int64_t offset = triggersLikeRpc() ? window_ : 0;
  const int64_t last = written > offset ? (written - offset) / interval_ : 0;
  const auto after = [&](int64_t n) {
    const int64_t at = n * interval_ + offset;
    if (n == 0) return promptTokens + offset;
    const Keep k = keep({promptTokens, at, 0, 0});
    return std::min(promptTokens + at, k.pinned + k.scored + k.recent);
  };
  if (last == 0) return promptTokens + written;
  return std::max(after(last - 1) + interval_, after(last) + written - (last * interval_ + offset));
}

void PeriodicPolicy::admit(int64_t promptTokens) const {
  const int64_t pinned = window_ + (pinPrompt_ ? promptTokens : 0);
  demand(!cap_ || keep_ >= pinned, "keep", std::to_string(keep_),
         "less than the " + std::to_string(pinned) + " entries that are pinned (prompt and window)");
}

}  // namespace pathpress
