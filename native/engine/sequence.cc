#include "sequence.h"

#include <algorithm>

namespace pathpress {

int64_t mostEntries(const Policy& policy, int64_t prompt, int64_t written, int64_t ahead, const CacheShape& shape,
                    int heads) {
  const int64_t entries = std::min(prompt + written, policy.peak(prompt, written) + ahead);
  // Query heads with sets of their own may share nothing of a key-value head.
  return policy.recipe().sets == Aggregation::head ? std::min(prompt + written, entries * (heads / shape.kvHeads)) : entries;
}

double peakBlocks(const Request& request, const Policy& policy, const CacheShape& shape, int heads) {
  const auto prompt = static_cast<int64_t>(request.promptIds.size());
  const int64_t written = request.maxTokens - 1;  // the last token is not fed
  const int64_t entries = mostEntries(policy, prompt, written, policy.recipe().ahead, shape, heads);
  return static_cast<double>(shape.page.blocks(entries)) * shape.layers * shape.kvHeads;
}

Sequence::Sequence(const Request& asked, Run& owner, size_t at, std::unique_ptr<Policy> made, BlockPool& pool,
                   const CacheShape& shape, int heads)
    : request(asked), run(owner), index(at), policy(std::move(made)), recipe(policy->recipe()),
      progress{static_cast<int64_t>(asked.promptIds.size()), 0, 0, 0},
      cache(pool, shape, trackingFor(recipe, policy->evicts())),
      side(recipe, progress.prompt, asked.maxTokens, shape, heads),
      peakBlocks(pathpress::peakBlocks(asked, *policy, shape, heads)) {
  result.promptTokens = progress.prompt;
  if (policy->everyStep()) result.evictions.emplace();
}

void Sequence::track() {
  entryPeak_ = std::max(entryPeak_, cache.entries());
  bytePeak_ = std::max(bytePeak_, cache.bytes());
  sidePeak_ = std::max(sidePeak_, side.bytes() + cache.trackingBytes() + entropyBytes());
}

void Sequence::assume(ThreadPool& threads) {
  const auto [entries, written] = request.assumed;
  cache.reserve(entries);
  const CacheShape& shape = cache.shape();
  threads.run(shape.layers * shape.kvHeads, false,
              [&](int task, int) { cache.makeUp(task / shape.kvHeads, task % shape.kvHeads, entries); });
  cache.commit(entries, 0);
  prefilled = progress.prompt;
  progress.written = written;
  track();
}

void Sequence::afterPrefill(int rows) {
  cache.commit(rows, static_cast<int>(prefilled));
  prefilled += rows;
  track();
}

void Sequence::afterDecode(int64_t readBytes) {
  cache.commit(1, static_cast<int>(progress.prompt + progress.written + aheadRows()));
  if (ahead) {
    ahead->rows += 1;
    sidePeak_ = std::max(sidePeak_, side.bytes() + cache.trackingBytes() + cache.bytes() - ahead->bytes);
    return;
  }
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
  if (!result.evictions) return result.compressions.push_back(compression);
  if (result.evictions->count++ == 0) result.evictions->first = compression.generated;
  result.evictions->last = compression.generated;
}

int64_t Sequence::feedable() const {
  if (prefilling()) return progress.prompt - prefilled;
  if (!knowsNext()) return 1;
  const auto known = static_cast<int64_t>((forced() ? request.forced : lost_->ids).size() - step());
  const int64_t most = std::min(known, side.rowsAtOnce());
  if (ahead) return std::min(most, recipe.ahead - ahead->rows);
  if (forced() && recipe.entropies) return 1;  // an interval's end depends on what each pass says of the next token
  Progress later = progress;
  for (int64_t rows = 1; rows < most; ++rows) {
    later.written += 1;
    if (policy->due(later)) return rows;
  }
  return most;
}

int32_t Sequence::upcoming(int i) const {
  const auto at = static_cast<size_t>(i);
  if (prefilling()) return request.promptIds[static_cast<size_t>(prefilled) + at];
  return i == 0 ? next : generated(step() + at - 1);
}

int Sequence::position(int i) const {
  return i + (side.rotatedAtReading ? cache.head(0, 0).count : static_cast<int>(prefilled + progress.written + aheadRows()));
}

void Sequence::noteEntropy(float bits) {
  if (!notesEntropy()) return;
  entropies.push_back(bits);
  entropySums_.push_back(entropySums_.back() + bits);
  progress.entropySums = entropySums_;
}

void Sequence::judge(float logLikelihood, float entropy) {
  result.logLikelihoods.push_back(logLikelihood);
  if (entropies.size() < result.logLikelihoods.size()) noteEntropy(entropy);  // else it was, before a restart
}

bool Sequence::stopsAt(int32_t id) const {
  return std::find(request.stopIds.begin(), request.stopIds.end(), id) != request.stopIds.end();
}

bool Sequence::accept(int32_t id) {
  if (stopsAt(id)) {
    result.finish = Finish::stop;
    return true;
  }
  result.ids.push_back(id);
  next = id;
  result.finish = Finish::length;
  if (lost_ && !replaying()) lost_.reset();
  return static_cast<int64_t>(result.ids.size()) >= request.maxTokens;
}

void Sequence::beginAhead() {
  ahead.emplace();
  ahead->bytes = cache.bytes();
  side.record.resum();
}

bool Sequence::acceptAhead(int32_t id) {
  if (stopsAt(id)) return true;
  ahead->ids.push_back(id);
  next = id;
  return static_cast<int64_t>(result.ids.size() + ahead->ids.size()) >= request.maxTokens;
}

void Sequence::endAhead() {
  cache.cut(static_cast<int>(ahead->rows));
  ahead.reset();
  if (!result.ids.empty()) next = result.ids.back();
}

void Sequence::fail(const std::string& code, const std::string& message) {
  failureCode = code;
  failure = "request " + std::to_string(index) + ", token " + std::to_string(result.ids.size() + 1) + ": " + message;
}

void Sequence::restart() {
  if (ahead) endAhead();
  asked.reset();
  ended = false;
  describeCache();
  Result fresh;
  fresh.promptTokens = result.promptTokens;
  if (policy->everyStep()) fresh.evictions.emplace();
  fresh.prefillSeconds = result.prefillSeconds;
  fresh.decodeSeconds = result.decodeSeconds;
  fresh.compressSeconds = result.compressSeconds;
  if (!forced() && !replaying() && !result.ids.empty()) lost_ = std::move(result);
  result = std::move(fresh);
  cache.clear();
  side.clear();
  progress = {progress.prompt, 0, 0, 0, entropySums_};
  prefilled = 0;
  decodePasses_ = entrySum_ = entryPeak_ = 0;
  byteSum_ = readSum_ = 0;
  bytePeak_ = sidePeak_ = 0;
}

Result Sequence::finish(Finish how) {
  if (ahead) endAhead();
  describeCache();
  if (lost_) {
    lost_->prefillSeconds = result.prefillSeconds;
    lost_->decodeSeconds = result.decodeSeconds;
    lost_->compressSeconds = result.compressSeconds;
    result = std::move(*lost_);
  }
  result.finish = how;
  return std::move(result);
}

// Writes what the result says of the cache.
void Sequence::describeCache() {
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
}

}  // namespace pathpress
