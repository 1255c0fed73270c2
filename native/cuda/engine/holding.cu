#include "holding.h"

#include <climits>

#include "../../engine/errors.h"
#include "../../engine/query_rows.h"
#include "../../engine/sequence.h"

namespace pathpress::cuda {

namespace {

// Where rows of attention are noted, those of a step are there until they are.
Decoder::KeptRows keptRows(const Recipe& recipe, const Request& request) {
  const auto prompt = static_cast<int>(request.promptIds.size());
  if (recipe.record != Record::none) return {maxProductTokens, 0, INT_MAX};
  const auto turns = static_cast<int>(QueryRows::capacity(recipe, prompt, request.maxTokens));
  switch (recipe.selectors) {
    case Selectors::none: break;
    case Selectors::recent: return {turns, std::max(0, prompt - turns), INT_MAX};
    case Selectors::prompt: return {turns, std::max(0, prompt - turns), prompt};
    case Selectors::all: return {turns, prompt, INT_MAX};
  }
  return {};
}

size_t notedBytes(Record record) {
  switch (record) {
    case Record::none: return 0;
    case Record::mass:
    case Record::stamp: return 4;
    case Record::recurrence: return 8;
  }
  return 0;
}

}  // namespace

CudaHolding::CudaHolding(CudaBackend& backend, const Request& request, const Policy& policy) : backend_(backend) {
  const ModelConfig& config = backend.model().config;
  const Recipe recipe = policy.recipe();
  const Sampling& from = request.sampling;
  heads_ = config.layers * config.kvHeads;
  options_ = {from.temperature, from.topP, from.minP, from.seed, {request.stream[0], request.stream[1]}, from.topK,
              request.scored || recipe.entropies};
  kept_ = keptRows(recipe, request);
  reading_.rotated = recipe.rotatedAtReading;
  rowBytes_ = static_cast<size_t>(kept_.turns) * static_cast<size_t>(config.layers * config.queryWidth()) * sizeof(Bf16);
  const int sets = config.layers * (recipe.sets == Aggregation::layer ? 1 : config.kvHeads);
  bytesAnEntry_ = static_cast<size_t>(sets) * ((policy.evicts() ? sizeof(int) : 0) + notedBytes(recipe.record));
}

void CudaHolding::reserve(int entries) {
  if (slot < 0) {
    slot = backend_.takeSlot();
    backend_.decoder().begin(slot, options_, kept_, reading_);
  }
  Decoder& decoder = backend_.decoder();
  if (decoder.reserve(slot, count + entries)) return;
  const auto needed = static_cast<size_t>(pagesOf(count + entries)) - pages().size();
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
  count = settled = 0;
  draws = 0;
  drew = false;
}

size_t CudaHolding::blocks() const { return slot < 0 ? 0 : pages().size(); }

Held CudaHolding::held() const {
  return {int64_t{count} * heads_, static_cast<size_t>(pagesOf(count)) * backend_.pageBytes(),
          rowBytes_ + bytesAnEntry_ * static_cast<size_t>(count)};
}

int64_t CudaHolding::readBytes() const {
  return int64_t{count + 1} * static_cast<int64_t>(backend_.pageBytes()) / cachePageEntries;
}

CudaHolding& cudaHolding(const Sequence& sequence) { return static_cast<CudaHolding&>(*sequence.holding); }

}  // namespace pathpress::cuda
