#include "sequence.h"

#include <algorithm>

namespace pathpress {

int64_t mostEntries(const Policy& policy, int64_t prompt, int64_t written, int64_t ahead, int group) {
  const int64_t entries = std::min(prompt + written, policy.peak(prompt, written) + ahead);
  // Query heads with sets of their own may share nothing of a key-value head.
  return policy.recipe().sets == Aggregation::head ? std::min(prompt + written, entries * group) : entries;
}

int64_t mostEntries(const Request& request, const Policy& policy, int group) {
  const int64_t written = request.maxTokens - 1;  // the last token is not fed
  return mostEntries(policy, static_cast<int64_t>(request.promptIds.size()), written, policy.recipe().ahead, group);
}

Sequence::Sequence(const Request& asked, Run& owner, size_t at, std::unique_ptr<Policy> made, Backend& backend)
    : request(asked), run(owner), index(at), policy(std::move(made)), recipe(policy->recipe()),
      progress{static_cast<int64_t>(asked.promptIds.size()), 0, 0, 0}, holding(backend.hold(asked, *policy)),
      peakBlocks(backend.peakBlocks(asked, *policy)),
      heads_(static_cast<double>(backend.model().config.layers) * backend.model().config.kvHeads) {
  result.promptTokens = progress.prompt;
  if (policy->everyStep()) result.evictions.emplace();
  if (request.assumed.entries > 0) assume();
}

void Sequence::track(const Held& held) {
  entryPeak_ = std::max(entryPeak_, held.entries);
  bytePeak_ = std::max(bytePeak_, held.bytes);
  sidePeak_ = std::max(sidePeak_, held.sideBytes + entropyBytes());
}

// Begins as Request::assumed says.
void Sequence::assume() {
  holding->commit(request.assumed.entries, 0);
  prefilled = progress.prompt;
  progress.written = request.assumed.written;
  track(holding->held());
}

void Sequence::afterPass(int rows) {
  if (prefilling()) return afterPrefill(rows);
  for (int i = 0; i < rows; ++i) afterDecode();
}

void Sequence::afterPrefill(int rows) {
  holding->commit(rows, static_cast<int>(prefilled));
  prefilled += rows;
  track(holding->held());
}

void Sequence::afterDecode() {
  const int64_t readBytes = holding->readBytes();
  holding->commit(1, static_cast<int>(progress.prompt + progress.written + aheadRows()));
  const Held held = holding->held();
  if (ahead) {
    ahead->rows += 1;
    sidePeak_ = std::max(sidePeak_, held.sideBytes + held.bytes - ahead->bytes);
    return;
  }
  progress.written += 1;
  decodePasses_ += 1;
  entrySum_ += held.entries;
  byteSum_ += static_cast<double>(held.bytes);
  readSum_ += static_cast<double>(readBytes);
  track(held);
}

void Sequence::afterCompression(const Compression& compression) {
  progress.cycle += 1;
  progress.lastTrigger = progress.written;
  if (!result.evictions) return result.compressions.push_back(compression);
  if (result.evictions->count++ == 0) result.evictions->first = compression.generated;
  result.evictions->last = compression.generated;
}

int64_t Sequence::feedable() const {
  if (prefilling()) return std::min(progress.prompt - prefilled, holding->promptRowsAtOnce());
  if (!knowsNext()) return 1;
  const auto known = static_cast<int64_t>((forced() ? request.forced : lost_->ids).size() - step());
  const int64_t most = std::min(known, holding->rowsAtOnce());
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
  return i + static_cast<int>(prefilled + progress.written + aheadRows());
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
  ahead->bytes = holding->held().bytes;
  holding->resum();
}

bool Sequence::acceptAhead(int32_t id) {
  if (stopsAt(id)) return true;
  ahead->ids.push_back(id);
  next = id;
  return static_cast<int64_t>(result.ids.size() + ahead->ids.size()) >= request.maxTokens;
}

void Sequence::endAhead() {
  holding->cut(static_cast<int>(ahead->rows));
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
  holding->clear();
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
  const double passes = static_cast<double>(std::max<int64_t>(1, decodePasses_));
  const Held held = holding->held();
  CacheReport& report = result.cache;
  report.finalEntries = static_cast<double>(held.entries) / heads_;
  report.peakEntries = static_cast<double>(entryPeak_) / heads_;
  report.meanEntries = decodePasses_ ? static_cast<double>(entrySum_) / heads_ / passes : report.finalEntries;
  report.peakBytes = static_cast<double>(bytePeak_);
  report.meanBytes = decodePasses_ ? byteSum_ / passes : static_cast<double>(held.bytes);
  report.sideBytes = static_cast<double>(sidePeak_);
  report.readBytes = readSum_;
  const auto [least, most] = holding->extremes();
  report.minEntries = least;
  report.maxEntries = most;
}

}  // namespace pathpress
