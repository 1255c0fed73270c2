// What the periodic policies share: when they evict, and how many entries stay.
#pragma once

#include "policy.h"

namespace pathpress {

class PeriodicPolicy : public Policy {
 public:
  // Throws std::invalid_argument for an option out of range.
  explicit PeriodicPolicy(const PolicyOptions& options);

  bool due(const Progress& progress) const override;
  Keep keep(const Progress& progress) const override;
  int64_t peak(int64_t promptTokens, int64_t written) const override;
  void admit(int64_t promptTokens) const override;

 protected:
  // A ratio keeps to RPC's triggers, written = N·interval + window; under a cap other policies evict at N·interval.
  virtual bool triggersLikeRpc() const { return !cap_; }

  // Generated candidates that a ratio keeps at the N-th compression.
  virtual int64_t keptGenerated(int64_t n) const;

  int64_t interval_, window_;
  double ratio_;

 private:
  bool cap_;
  int64_t keep_;
  bool pinPrompt_;
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

}  // namespace pathpress
