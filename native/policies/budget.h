// What the policies share that evict: when they do, and how many entries stay.
#pragma once

#include "policy.h"

namespace pathpress {

// When a cap evicts. A ratio, whatever the policy, keeps to RPC's triggers and to RPC's count there.
enum class Trigger {
  rpc,        // written = N·interval + window
  interval,   // written = N·interval
  everyStep,  // after every pass that leaves more entries than the cap, the prefill's among them
  prefill,    // once, when the prompt is written
};

// Of those that stay beside the pinned ones, how many are the latest.
enum class Recent { window, none, half, all };

struct Frame {
  Trigger underCap = Trigger::interval;
  Recent recent = Recent::window;
  int64_t sinks = 0;  // first entries that never leave, the prompt pinned or not
};

class BudgetedPolicy : public Policy {
 public:
  // Throws std::invalid_argument for an option out of range, or a combination without meaning.
  BudgetedPolicy(const PolicyOptions& options, const Frame& frame);

  bool due(const Progress& progress) const override;
  Keep keep(const Progress& progress) const override;
  int64_t peak(int64_t promptTokens, int64_t written) const override;
  void admit(int64_t promptTokens) const override;
  Recipe recipe() const override { return how; }
  bool everyStep() const override { return trigger_ == Trigger::everyStep; }

 protected:
  // Generated candidates that a ratio keeps at the N-th compression.
  virtual int64_t keptGenerated(int64_t n) const;

  int64_t interval_, window_;
  double ratio_;
  Recipe how;  // the policy's own constructor fills it in

 private:
  int64_t pinned(int64_t promptTokens) const;

  bool cap_;
  int64_t keep_;
  bool pinPrompt_;
  Frame frame_;
  Trigger trigger_;
};

// Throws std::invalid_argument unless `good`: "kernel 4: must be odd".
void demand(bool good, const std::string& option, const std::string& value, const std::string& rule);

// The enumerator that an option's text names.
template <class E, size_t N>
E oneOf(const std::string& option, const std::string& value, const std::pair<const char*, E> (&names)[N]) {
  std::string known;
  for (const auto& [name, e] : names) {
    if (value == name) return e;
    known += known.empty() ? name : std::string(", ") + name;
  }
  demand(false, option, value, "must be one of " + known);
  return names[0].second;
}

// One set a layer, or one a key-value head.
Aggregation layerOrGroup(const PolicyOptions& options);

// Fills in the pooling. Throws std::invalid_argument for an even kernel or an unknown kind.
void setPooling(Recipe& recipe, const PolicyOptions& options);

// SnapKV's votes: the latest `window` queries, softmax over all that each may see, pooled.
void setSnapVotes(Recipe& recipe, const PolicyOptions& options);

}  // namespace pathpress
