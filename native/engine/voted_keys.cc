#include "voted_keys.h"

namespace pathpress {

KeyPages votedKeys(const SequenceCache& cache, int layer, int kvHead, std::span<const int32_t> entries, DType arithmetic,
                   OwnKeys& own) {
  const HeadCache& head = cache.head(layer, kvHead);
  const DType type = cache.shape().page.type;
  const bool together = entries.empty() || entries.back() - entries.front() == std::ssize(entries) - 1;
  if (together && (arithmetic == DType::f32 || arithmetic == type)) {
    const int first = entries.empty() ? 0 : entries.front();
    return {head.blocks.data() + first / pageEntries, type, first % pageEntries};
  }
  const int dim = cache.shape().page.dim;
  own.reset(entries.size(), dim);
  std::vector<float> key(static_cast<size_t>(dim));
  for (size_t i = 0; i < entries.size(); ++i) {
    cache.readKey(layer, kvHead, entries[i], key.data());
    for (float& channel : key) channel = roundTo(channel, arithmetic);
    own.set(i, key.data());
  }
  return own.pages();
}

}  // namespace pathpress
