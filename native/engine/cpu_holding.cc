#include "cpu_holding.h"

#include <algorithm>

#include "../models/forward.h"
#include "compressor.h"
#include "sequence.h"

namespace pathpress {

CpuHolding::CpuHolding(const Request& request, const Policy& policy, BlockPool& pool, const CacheShape& shape, int heads)
    : cache(pool, shape, trackingFor(policy.recipe(), policy.evicts())),
      side(policy.recipe(), static_cast<int64_t>(request.promptIds.size()), request.maxTokens, shape, heads) {}

void CpuHolding::clear() {
  cache.clear();
  side.clear();
}

std::pair<int, int> CpuHolding::extremes() const {
  const CacheShape& shape = cache.shape();
  int least = cache.head(0, 0).count, most = least;
  for (int layer = 0; layer < shape.layers; ++layer) {
    for (int head = 0; head < shape.kvHeads; ++head) {
      least = std::min(least, cache.head(layer, head).count);
      most = std::max(most, cache.head(layer, head).count);
    }
  }
  return {least, most};
}

int64_t CpuHolding::readBytes() const { return Forward::readBytes(cache, side); }

CpuHolding& cpuHolding(Sequence& sequence) { return static_cast<CpuHolding&>(*sequence.holding); }

}  // namespace pathpress
