#include "holding.h"

#include <algorithm>
#include <climits>
#include <numeric>

#include "../../engine/errors.h"
#include "../../engine/query_rows.h"
#include "../../engine/sequence.h"

namespace pathpress::cuda {

namespace {

// Where rows of attention are noted, those of a step are there until they are.
Decoder::KeptRows keptRows(const Recipe& recipe, const Request& request) {
  const auto prompt = static_cast<int>(request.promptIds.size());
  if (recipe.record != Record::none) return {recordedRows, 0, INT_MAX};
  const auto turns = static_cast<int>(QueryRows::capacity(recipe, prompt, request.maxTokens));
  switch (recipe.selectors) {
    case Selectors::none: break;
    case Selectors::recent: return {turns, std::max(0, prompt - turns), INT_MAX};
    case Selectors::prompt: return {turns, std::max(0, prompt - turns), prompt};
    case Selectors::all: return {turns, prompt, INT_MAX};
  }
  return {};
}

size_t recordedBytes(Record record) {
  switch (record) {
    case Record::none: return 0;
    case Record::mass:
    case Record::stamp: return 4;
    case Record::recurrence: return 8;
  }
  return 0;
}

// Of an entry in every set of a sequence, beside its keys and values.
size_t notedBytesAnEntry(const Policy& policy, const ModelConfig& config) {
  const Recipe recipe = policy.recipe();
  const bool own = recipe.sets == Aggregation::head;
  const int sets = config.layers * (own ? config.heads : recipe.sets == Aggregation::layer ? 1 : config.kvHeads);
  const size_t placed = !policy.evicts() ? 0 : own ? 2 * sizeof(int) : sizeof(int);  // its position, and where it is held
  return static_cast<size_t>(sets) * (placed + recordedBytes(recipe.record));
}

}  // namespace

CudaHolding::CudaHolding(CudaBackend& backend, const Request& request, const Policy& policy)
    : backend_(backend), recipe_(policy.recipe()) {
  const ModelConfig& config = backend.model().config;
  const Recipe& recipe = recipe_;
  const Sampling& from = request.sampling;
  heads_ = config.layers * config.kvHeads;
  options_ = {from.temperature, from.topP, from.minP, from.seed, {request.stream[0], request.stream[1]}, from.topK,
              request.scored || recipe.entropies};
  kept_ = keptRows(recipe, request);
  reading_ = {recipe.rotatedAtReading, static_cast<int>(recipe.readPages), static_cast<int>(recipe.denseLayers),
              static_cast<int>(request.promptIds.size()), 0, recipe.sets == Aggregation::head};
  rowBytes_ = static_cast<size_t>(kept_.turns) * static_cast<size_t>(config.layers * config.queryWidth()) * sizeof(Bf16);
  bytesAnEntry_ = notedBytesAnEntry(policy, config);
}

void CudaHolding::reserve(int entries) {
  if (slot < 0) {
    slot = backend_.takeSlot();
    backend_.decoder().begin(slot, options_, kept_, reading_);
  }
  Decoder& decoder = backend_.decoder();
  if (decoder.reserve(slot, count + entries)) return;
  const int64_t more = pagesOf(count + entries) - std::ssize(pages());
  const auto needed = static_cast<size_t>(std::max<int64_t>(1, more));
  throw EngineError("OUT_OF_MEMORY",
                    "the KV cache needs " + std::to_string(needed * backend_.pageBytes()) +
                        " bytes more of the GPU's memory; of its " +
                        std::to_string(static_cast<size_t>(decoder.limits().poolPages) * backend_.pageBytes()) + " bytes " +
                        std::to_string(static_cast<size_t>(decoder.freePages()) * backend_.pageBytes()) + " are free");
}

void CudaHolding::clear() {
  if (slot >= 0) {
    backend_.decoder().end(slot);
    backend_.giveSlot(slot);
  }
  slot = -1;
  count = settled = shared_ = 0;
  less_.clear();
  draws = 0;
  drew = false;
}

void CudaHolding::resum() { backend_.compressor().resum(recipe_, slot, count); }

// What comes next is then no token that the slot has drawn.
void CudaHolding::cut(int entries) {
  if (entries == 0) return;
  backend_.decoder().cut(slot, entries);
  count -= entries;
  drew = false;
}

size_t CudaHolding::blocks() const { return slot < 0 ? 0 : pages().size(); }

Held CudaHolding::held() const {
  size_t headPages = static_cast<size_t>(pagesOf(count)) * static_cast<size_t>(heads_);
  if (!less_.empty()) headPages = 0;
  for (const int less : less_) headPages += static_cast<size_t>(pagesOf(count - less));
  return {entries(), headPages * (backend_.pageBytes() / static_cast<size_t>(heads_)),
          rowBytes_ + boundsBytes() + entryBytes()};
}

size_t CudaHolding::entryBytes() const {
  const auto held = static_cast<size_t>(entries());
  if (recipe_.sets != Aggregation::head) return bytesAnEntry_ * held / static_cast<size_t>(heads_);
  return bytesAnEntry_ * static_cast<size_t>(setCount()) + sizeof(uint16_t) * held;  // and its mask
}

int64_t CudaHolding::entries() const { return int64_t{count} * heads_ - std::accumulate(less_.begin(), less_.end(), int64_t{0}); }

std::pair<int, int> CudaHolding::extremes() const {
  return {count - (less_.empty() ? 0 : *std::ranges::max_element(less_)), count};
}

int CudaHolding::less(int layer, int kvHead) const {
  return less_.empty() ? 0 : less_[static_cast<size_t>(layer * kvHeads() + kvHead)];
}

int CudaHolding::settle(int left) {
  const int before = setCount();
  count = backend_.decoder().entries(slot);
  less_ = backend_.decoder().less(slot);
  if (recipe_.sets == Aggregation::head) {
    if (left < before) settled = left;  // else nothing was touched, nor listed
    shared_ = count - left;
    return left;
  }
  if (count < before || !less_.empty()) settled = count;
  int sum = 0;
  for (int head = 0; head < kvHeads(); ++head) sum += count - less(0, head);
  return sum / kvHeads();
}

size_t CudaHolding::boundsBytes() const {
  const double bytes = static_cast<double>(static_cast<size_t>(pagesOf(count)) * backend_.pageBytes()) * boundsShare;
  return reading_.halves > 0 ? static_cast<size_t>(bytes) : 0;
}

// Pages are chosen by bounds that end with the row's own entry.
int64_t CudaHolding::rowsAtOnce() const {
  if (reading_.halves > 0) return 1;
  return kept_.turns > 0 ? kept_.turns : backend_.rows();
}

// Rows whose attention is noted stay where they are until it is.
int64_t CudaHolding::promptRowsAtOnce() const {
  return recipe_.record != Record::none ? recordedRows : Holding::promptRowsAtOnce();
}

int64_t CudaHolding::readBytes() const {
  const ModelConfig& config = backend_.model().config;
  const int64_t entry = static_cast<int64_t>(backend_.pageBytes()) / cachePageEntries / config.layers;  // of a layer
  if (!less_.empty()) return (entries() + heads_) * (entry / config.kvHeads);
  int64_t bytes = 0;
  for (int layer = 0; layer < config.layers; ++layer) {
    bytes += entry * reading_.entriesRead(layer, reading_.prompt, count + 1);
    // Of all but the newest half page.
    if (reading_.chosen(layer, reading_.prompt, count + 1) > 0) bytes += entry * (count / halfEntries);
  }
  return bytes;
}

CudaHolding& cudaHolding(const Sequence& sequence) { return static_cast<CudaHolding&>(*sequence.holding); }

}  // namespace pathpress::cuda
