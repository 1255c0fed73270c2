// Nothing is evicted.
#include "rows.h"

namespace pathpress {
namespace {

struct Full : Policy {
  bool due(const Progress&) const override { return false; }
  Keep keep(const Progress& p) const override { return {p.prompt, 0, p.written}; }
  Recipe recipe() const override { return {}; }
  void admit(int64_t) const override {}
  bool evicts() const override { return false; }
};

}  // namespace

std::unique_ptr<Policy> makeFull(const PolicyOptions&) { return std::make_unique<Full>(); }

}  // namespace pathpress
