// RPC at intervals that the model's own certainty ends, the extension that its authors leave to later work. With P the
// interval and R the window, since the last compression (or since token R): after P / 2 tokens, rounded up, or more it
// compresses as soon as the last R tokens were drawn from distributions of no more entropy, on average, than all tokens so
// far (`unsure`: of no less); after 2·P in any case. What stays is at RPC's rate: of the tokens before the window one in c; or a cap.
// How many compressions there will be is not known ahead; peak() is a bound.
#include <cmath>

#include "budget.h"
#include "rpc_variant.h"

namespace pathpress {
namespace {

struct Adaptive : RpcVariant {
  explicit Adaptive(const PolicyOptions& o)
      : RpcVariant(o), interval(o.interval), window(o.window), ratio(o.ratio), pinPrompt(o.pinPrompt),
        sure(oneOf<bool>("moment", o.moment, {{"sure", true}, {"unsure", false}})),
        cap(o.budget == "cap" ? o.keep : 0) {}

  bool due(const Progress& p) const override {
    const int64_t since = p.written - (p.cycle > 0 ? p.lastTrigger : window);
    return since >= 2 * interval || (since >= (interval + 1) / 2 && atMoment(p));
  }
  Keep keep(const Progress& p) const override {
    if (cap > 0) return rpc->keep(p);
    const int64_t kept = atRate(p.written - window);
    return {pinPrompt ? p.prompt : 0, pinPrompt ? kept : p.prompt + kept, window};
  }
  // The later the last compression the less is held: at its worst it is 2·P back.
  int64_t peak(int64_t promptTokens, int64_t written) const override {
    if (cap > 0) return std::min(promptTokens + written, std::max(cap, promptTokens + window) + 2 * interval);
    const int64_t last = written - window - 2 * interval;
    return promptTokens + (last <= 0 ? written : atRate(last) + 2 * interval + window);
  }
  void change(Recipe& how) const override {
    how.entropies = true;
    if (how.selectors == Selectors::all) how.queries = 2 * interval + window;
  }

  int64_t atRate(int64_t tokens) const { return static_cast<int64_t>(std::floor(static_cast<double>(tokens) / ratio)); }
  bool atMoment(const Progress& p) const {
    const auto& sums = p.entropySums;
    if (std::ssize(sums) <= p.written) return false;
    const auto now = static_cast<size_t>(p.written), before = static_cast<size_t>(std::max<int64_t>(0, p.written - window));
    const double latest = (sums[now] - sums[before]) / static_cast<double>(now - before);
    const double all = sums[now] / static_cast<double>(now);
    return sure ? latest <= all : latest >= all;
  }

  int64_t interval, window;
  double ratio;
  bool pinPrompt, sure;
  int64_t cap;  // 0: a ratio
};

}  // namespace

std::unique_ptr<Policy> makeAdaptive(const PolicyOptions& options) { return std::make_unique<Adaptive>(options); }

}  // namespace pathpress
