#include "sequence.h"

#include <algorithm>

namespace pathpress {

Sequence::Sequence(const Request& asked, Run& owner, size_t at, std::unique_ptr<Policy> made, BlockPool& pool,
                   const CacheShape& shape, int heads)
    : request(asked), run(owner), index(at), policy(std::move(made)), recipe(policy->recipe()),
      progress{static_cast<int64_t>(asked.promptIds.size()), 0, 0, 0},
      cache(pool, shape, trackingFor(recipe, asked.policy.name != "full")),
      queries(recipe, progress.prompt, asked.maxTokens, shape.layers, heads * shape.page.dim) {
  result.promptTokens = progress.prompt;
}

void Sequence::track() {
  entryPeak_ = std::max(entryPeak_, cache.entries());
  bytePeak_ = std::max(bytePeak_, cache.bytes());
  sidePeak_ = std::max(sidePeak_, queries.bytes() + cache.trackingBytes());
}

void Sequence::afterPrefill(int rows) {
  cache.commit(rows, static_cast<int>(prefilled));
  prefilled += rows;
  track();
}

void Sequence::afterDecode(int64_t readBytes) {
  cache.commit(1, static_cast<int>(progress.prompt + progress.written));
  progress.written += 1;
  decodePasses_ += 1;
  entrySum_ += cache.entries();
  byteSum_ += static_cast<double>(cache.bytes());
  readSum_ += static_cast<double>(readBytes);
  track();
}

void Sequence::afterCompression(const Compression& compression) {
  cache.releaseTails();
  progress.cycle += 1;
  progress.lastTrigger = progress.written;
  result.compressions.push_back(compression);
}

bool Sequence::accept(int32_t id) {
  const auto& stops = request.stopIds;
  if (std::find(stops.begin(), stops.end(), id) != stops.end()) {
    result.finish = Finish::stop;
    return true;
  }
  result.ids.push_back(id);
  next = id;
  result.finish = Finish::length;
  return static_cast<int64_t>(result.ids.size()) >= request.maxTokens;
}

Result Sequence::finish(Finish how) {
  const CacheShape& shape = cache.shape();
  const double heads = static_cast<double>(shape.layers) * shape.kvHeads;
  const double passes = static_cast<double>(std::max<int64_t>(1, decodePasses_));
  CacheReport& report = result.cache;
  report.finalEntries = static_cast<double>(cache.entries()) / heads;
  report.peakEntries = static_cast<double>(entryPeak_) / heads;
  report.meanEntries = decodePasses_ ? static_cast<double>(entrySum_) / heads / passes : report.finalEntries;
  report.peakBytes = static_cast<double>(bytePeak_);
  report.meanBytes = decodePasses_ ? byteSum_ / passes : static_cast<double>(cache.bytes());
  report.sideBytes = static_cast<double>(sidePeak_);
  report.readBytes = readSum_;
  int least = cache.head(0, 0).count, most = least;
  for (int layer = 0; layer < shape.layers; ++layer) {
    for (int head = 0; head < shape.kvHeads; ++head) {
      least = std::min(least, cache.head(layer, head).count);
      most = std::max(most, cache.head(layer, head).count);
    }
  }
  report.minEntries = least;
  report.maxEntries = most;
  result.finish = how;
  return std::move(result);
}

}  // namespace pathpress
