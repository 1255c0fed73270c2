// What of the GPU's memory is for what: laid out ahead of a run, from what its requests need at most.
#include <algorithm>
#include <bit>
#include <cmath>

#include "../../engine/errors.h"
#include "../../engine/sequence.h"
#include "../upload.h"
#include "backend.h"

namespace pathpress::cuda {

namespace {

constexpr int64_t pagesAStep = 64, positionsAStep = 4096, fewestPlaces = 4;
constexpr int64_t mostMeasured = 1 << 24;  // entries: of more, the pages alone find no memory anywhere
constexpr size_t easyPlaces = groupTokens;  // that memory is not asked for
constexpr size_t mostPlaces = maxProductTokens - groupTokens;  // so that prompts have rows beside them

int64_t upTo(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

int64_t queryRowsOf(const Demand& demand) {
  return std::max<int64_t>(demand.queryRows, demand.mass || demand.stamps ? recordedRows : 0);
}

}  // namespace

std::string memoryText(const std::string& what, double needed, size_t free) {
  return "device cuda: " + what + " need " + std::to_string(static_cast<uint64_t>(needed)) + " bytes of the GPU's memory, of which " +
         std::to_string(free) + " are free";
}

Demand CudaBackend::demandOf(const Request& request, const Policy& policy) const {
  Demand demand = Backend::demandOf(request, policy);
  demand.blocks = peakBlocks(request, policy);
  if (!policy.evicts()) return demand;
  const auto prompt = static_cast<int64_t>(request.promptIds.size());
  const auto measured = [](int64_t entries) { return static_cast<int>(std::min(entries, mostMeasured)); };
  demand.roomBytes = Compressor::roomBytes(weights_.shape, policy.recipe(), {prompt, request.maxTokens - 1, 0, 0},
                                           measured(mostEntries(request, policy, 1)), measured(demand.entries));
  return demand;
}

// Of a sequence, by its policy's closed form: its pages, what its compressions work on, and what a step and each place have
// of their own, which is laid out for as many places as there are at least.
double CudaBackend::neededBytes(const Request& request, const Policy& policy) const {
  Demand demand = demandOf(request, policy);
  demand.places = fewestPlaces;
  demand = rounded(demand);
  const double angles = static_cast<double>(demand.positions) * weights_.shape.pairs * 2 * sizeof(float);
  const double pages = demand.blocks + 1;  // one for all that is small
  return poolShare * pages * static_cast<double>(pageBytes()) + demand.roomBytes + fewestPlaces * placeBytes(demand) + angles +
         Decoder::workBytes(weights_, limitsOf(demand));
}

// What a place has of its own beside pages: query rows, bounds of keys, and what is noted of each entry that it may hold.
double CudaBackend::placeBytes(const Demand& demand) const {
  const ModelShape& shape = weights_.shape;
  const double pages = static_cast<double>(upTo(demand.entries, pagesAStep * cachePageEntries) / cachePageEntries);
  const double rows = static_cast<double>(queryRowsOf(demand)) * shape.layers * shape.heads * shape.dim * sizeof(Bf16);
  const double bounds = demand.readPages > 0 ? static_cast<double>(pageBytes()) * boundsShare : 0;
  const size_t noted = sizeof(int) * (1 + size_t{demand.mass} + size_t{demand.stamps} + size_t{demand.gaps});
  double entry = 0;  // of a layer
  if (demand.layerSets) entry += static_cast<double>(noted);
  if (demand.groupSets) entry += static_cast<double>(noted) * shape.kvHeads;
  if (demand.headSets) entry += 2.0 * sizeof(int) * shape.heads + sizeof(uint16_t) * shape.kvHeads;
  const double tables = sizeof(int) * (1 + (demand.uneven ? static_cast<double>(shape.layers) * shape.kvHeads : 0));
  return pages * (bounds + tables + cachePageEntries * shape.layers * entry) + rows;
}

double CudaBackend::peakBlocks(const Request& request, const Policy& policy) const {
  const int64_t pages = upTo(mostEntries(request, policy, model_->config.group()), cachePageEntries) / cachePageEntries;
  return static_cast<double>(pages + policy.recipe().uneven());  // each head of a layer may have begun a page
}

// More places than memory has entries for take room from those that it has.
size_t CudaBackend::usefulPlaces(const Demand& demand) const {
  const double limit = options_.cacheLimit > 0 ? static_cast<double>(options_.cacheLimit) : INFINITY;
  const double pages = static_cast<double>(pageBytes()) * std::max(1.0, static_cast<double>(demand.entries) / cachePageEntries);
  const double held = std::min(limit / pages, static_cast<double>(roomBytes_) / (pages + placeBytes(demand)));
  const auto most = static_cast<size_t>(std::clamp<double>(held, easyPlaces, mostPlaces));
  return std::min(demand.places, most);
}

bool CudaBackend::prepare(const Demand& demand, bool idle) {
  Demand wanted = demand;
  wanted.places = usefulPlaces(wanted);
  if (served_.covers(wanted)) return true;
  if (!idle) return false;
  Demand both = laidOut_;
  both.cover(wanted);
  both.places = std::max(wanted.places, usefulPlaces(both));
  const size_t asked = both.places;
  for (bool alone = false;;) {
    try {
      layOut(both);
      served_ = laidOut_;
      served_.places = std::max(asked, laidOut_.places);
      return true;
    } catch (const EngineError& error) {
      if (error.code != "OUT_OF_MEMORY" || (alone && both.places <= fewestPlaces)) throw;
      if (alone) both.places = std::max<size_t>(fewestPlaces, both.places / 2);
      else both = wanted;
      alone = true;
    }
  }
}

// Rounded up, so that what comes next is often covered.
Demand CudaBackend::rounded(Demand demand) const {
  if (demand.places < easyPlaces) demand.places = std::bit_ceil(std::max<size_t>(demand.places, fewestPlaces));
  demand.entries = upTo(demand.entries, pagesAStep * cachePageEntries);
  demand.positions = upTo(demand.positions, positionsAStep);
  demand.queryRows = queryRowsOf(demand);
  return demand;
}

DecoderLimits CudaBackend::limitsOf(const Demand& demand) const {
  const auto slots = static_cast<int>(demand.places), pages = static_cast<int>(demand.entries / cachePageEntries);
  int64_t pool = int64_t{slots} * pages;
  if (options_.cacheLimit > 0) pool = std::min<int64_t>(pool, static_cast<int64_t>(options_.cacheLimit / pageBytes()));
  DecoderLimits limits{slots, rowsOfSteps(slots), pages, static_cast<int>(pool), static_cast<int>(demand.positions),
                       static_cast<int>(demand.queryRows), static_cast<int>(demand.readPages), demand.uneven, demand.headSets};
  limits.sparedBytes = demand.roomBytes;
  return limits;
}

// Throws OUT_OF_MEMORY also where the largest sequence would find no pages at its worst moment.
void CudaBackend::layOut(const Demand& asked) {
  laidOut_ = served_ = {};
  freeSlots_.clear();
  decoder_.reset();
  compressor_.reset();
  device_->release(fixedArrays_);
  const Demand demand = rounded(asked);
  const DecoderLimits limits = limitsOf(demand);
  const int slots = limits.slots;
  weights_.angles = uploadAngles(*device_, *model_, limits.positions);
  compressor_.emplace(*device_, weights_.shape, demand, slots, limits.sequencePages);
  decoder_.emplace(*device_, weights_, limits);
  const double pages = std::min(demand.blocks, static_cast<double>(limits.poolPages)), bytes = static_cast<double>(pageBytes());
  if (decoder_->limits().poolPages < pages) {
    const auto left = static_cast<size_t>(decoder_->limits().poolPages) * pageBytes();
    throw EngineError("OUT_OF_MEMORY", cuda::memoryText("the pages of one sequence", pages * bytes, left));
  }
  for (int slot = slots; slot > 0; --slot) freeSlots_.push_back(slot - 1);
  laidOut_ = demand;
}

}  // namespace pathpress::cuda
