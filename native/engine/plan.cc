#include "plan.h"

#include <algorithm>
#include <stdexcept>

#include "compressor.h"
#include "sequence.h"

namespace pathpress {
namespace {

double recordBytes(Record record) {
  switch (record) {
    case Record::mass: return sizeof(float);
    case Record::stamp: return sizeof(int32_t);
    case Record::recurrence: return 2 * sizeof(int32_t);
    case Record::none: break;
  }
  return 0;
}

double blockBytes(int64_t entries, const CacheShape& shape) {
  return static_cast<double>(shape.page.blocks(entries)) * static_cast<double>(BlockPool(shape.page.bytes(), 0).blockBytes()) * shape.layers * shape.kvHeads;
}

// Bytes beside keys and values of one entry of every layer's sets.
double sideBytesPerEntry(const Recipe& recipe, bool evicts, const CacheShape& shape) {
  const double layers = shape.layers, heads = layers * shape.kvHeads;
  const CacheTracking tracking = trackingFor(recipe, evicts);
  return recordBytes(recipe.record) * (recipe.sets == Aggregation::layer ? layers : heads) +
         (tracking.positions ? sizeof(int32_t) * (tracking.positionsPerHead ? heads : layers) : 0) +
         (tracking.masks ? sizeof(uint32_t) * heads : 0);
}

}  // namespace

void checkHolds(const PageLayout& layout, const std::string& name, const Policy& policy) {
  const Recipe recipe = policy.recipe();
  if (!layout.quantised() || (!policy.evicts() && recipe.readPages == 0)) return;
  const std::string why = policy.evicts() ? "takes entries out of pages whose entries share a scale"
                                          : "chooses pages by the bounds of keys in full";
  throw std::invalid_argument(std::string("cache ") + layout.name() + ": policy " + name + " " + why);
}

SequencePlan planSequence(const PolicyOptions& options, int64_t promptTokens, int64_t maxTokens,
                          const CacheShape& shape, int heads) {
  const auto policy = makePolicy(options);
  policy->admit(promptTokens);
  checkHolds(shape.page, options.name, *policy);
  const Recipe recipe = policy->recipe();
  const int64_t written = std::max<int64_t>(0, maxTokens - 1);
  const int64_t entries = mostEntries(*policy, promptTokens, written, 0, heads / shape.kvHeads);
  const int64_t noted = mostEntries(*policy, promptTokens, written, recipe.ahead, heads / shape.kvHeads);
  const double rows = static_cast<double>(QueryRows::capacity(recipe, promptTokens, maxTokens));
  const PageBounds bounds(recipe, promptTokens, shape);
  SequencePlan plan{blockBytes(entries, shape),
                    rows * heads * shape.page.dim * shape.layers * sizeof(float) + blockBytes(recipe.ahead, shape) +
                        static_cast<double>(noted) * sideBytesPerEntry(recipe, policy->evicts(), shape),
                    {}};
  for (int layer = 0; layer < shape.layers; ++layer) {
    plan.sideBytes += static_cast<double>(bounds.bytesAt(layer, entries)) * shape.kvHeads;
  }
  if (policy->evicts() || written == 0) return plan;
  double read = 0;
  for (int64_t held = promptTokens + 1; held <= entries; ++held) {
    for (int layer = 0; layer < shape.layers; ++layer) {
      read += static_cast<double>(shape.page.readBytes(bounds.entriesRead(layer, held)) +
                                  bounds.boundBytesRead(layer, held));
    }
  }
  plan.readBytes = read * shape.kvHeads / static_cast<double>(written);
  return plan;
}

}  // namespace pathpress
