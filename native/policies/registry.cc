#include <algorithm>
#include <stdexcept>

#include "rows.h"

namespace pathpress {
namespace {

constexpr PolicyRow rows[] = {
    {"full", makeFull},
    {"rpc", makeRpc},
    {"recency", makeRecency},
    {"random", makeRandom},
    {"rpc-shuffled", makeRpcShuffled},
    {"rpc-inverted", makeRpcInverted},
    {"lookahead", makeLookahead},
    {"adaptive", makeAdaptive},
    {"h2o", makeH2o},
    {"tova", makeTova},
    {"streaming", makeStreaming},
    {"snapkv", makeSnapKv},
    {"snapkv-decode", makeSnapKvDecode},
    {"adakv", makeAdaKv},
    {"r-kv", makeRKv},
    {"vase", makeVase},
    {"raas", makeRaas},
    {"lazy-eviction", makeLazyEviction},
    {"quest", makeQuest},
};

}  // namespace

std::span<const PolicyRow> policyRows() { return rows; }

std::unique_ptr<Policy> makePolicy(const PolicyOptions& options) {
  const auto row = std::ranges::find(rows, options.name, &PolicyRow::name);
  if (row == std::end(rows)) throw std::invalid_argument("policy " + options.name + ": unknown");
  return row->make(options);
}

int64_t voterRows(const Recipe& recipe, const Progress& p) {
  const int64_t fresh = p.written - p.lastTrigger;
  switch (recipe.selectors) {
    case Selectors::recent: return std::min(recipe.queries, recipe.freshOnly ? fresh : p.prompt + p.written);
    case Selectors::prompt: return std::min(recipe.queries, p.prompt);
    case Selectors::all: return std::min(recipe.queries, fresh);
    case Selectors::none: break;
  }
  return 0;
}

}  // namespace pathpress
