// Quest (arXiv 2406.10774): nothing is evicted; a decode pass reads only the pages of entries that may hold the largest
// products with its query. Saves what is read, not what is held.
#include <algorithm>

#include "../engine/kernels.h"
#include "budget.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Quest : Policy {
  explicit Quest(const PolicyOptions& o) {
    demand(o.keep >= pageEntries, "keep", std::to_string(o.keep),
           "less than a page of " + std::to_string(pageEntries) + " entries");
    how.readPages = std::min<int64_t>(o.keep / pageEntries, INT32_MAX);  // more than a sequence has
    how.denseLayers = 2;
  }

  bool due(const Progress&) const override { return false; }
  Keep keep(const Progress& p) const override { return {p.prompt, 0, p.written}; }
  Recipe recipe() const override { return how; }
  void admit(int64_t) const override {}
  bool evicts() const override { return false; }

  Recipe how;
};

}  // namespace

std::unique_ptr<Policy> makeQuest(const PolicyOptions& options) { return std::make_unique<Quest>(options); }

}  // namespace pathpress
