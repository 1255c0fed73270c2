// What a sequence will need, by arithmetic alone: before there are weights, or a prompt.
#pragma once

#include <optional>

#include "request.h"
#include "sequence_cache.h"

namespace pathpress {

struct SequencePlan {
  double cacheBytes;                // of the blocks held at the worst moment
  double sideBytes;                 // of all that its policy needs beside them, at the worst moment
  std::optional<double> readBytes;  // that a decode pass reads of both, mean; only of a policy that evicts nothing
};

// Refuses a policy that takes entries out of pages, or looks into them, where whole ones are quantised together. Throws
// std::invalid_argument naming both.
void checkHolds(const PageLayout& layout, const std::string& name, const Policy& policy);

// Bounds where sets differ: of query heads with sets of their own, and of heads that share out a layer's places.
// Throws std::invalid_argument naming option and value.
SequencePlan planSequence(const PolicyOptions& options, int64_t promptTokens, int64_t maxTokens,
                          const CacheShape& shape, int heads);

}  // namespace pathpress
