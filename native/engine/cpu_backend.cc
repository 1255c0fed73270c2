#include "cpu_backend.h"

#include <unistd.h>

#include <algorithm>
#include <new>
#include <unordered_set>

#include "cpu_holding.h"
#include "errors.h"
#include "memory_limit.h"
#include "plan.h"

namespace pathpress {
namespace {

// KV caches that stay in a processor's beside a small model's weights.
constexpr size_t nearCaches = size_t{12} << 20;

// Sequences a lane from which on lanes of a thread each are quicker: of a small model, whose weights cost nothing to read
// again; of a large one, whose products are then bound by operations though every lane reads all weights.
constexpr size_t fewestOfSmall = 2, fewestOfLarge = 32;

size_t defaultCacheLimit() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), bytes = ::sysconf(_SC_PAGE_SIZE);
  return memoryLimit(static_cast<size_t>(pages) * static_cast<size_t>(bytes)) / 5 * 4;
}

CacheShape shapeFor(const Model& model, const std::string& cacheType) {
  const ModelConfig& config = model.config;
  return {config.layers, config.kvHeads, pageLayout(config.headDim, cacheType, model.type())};
}

// A large model's step reads so much of weights that nothing stays.
size_t nearBytesOf(const Model& model) {
  return model.small() ? nearCaches : std::numeric_limits<size_t>::max();
}

std::vector<CompressScratch> scratchFor(int threads, const Kernels& kernels) {
  std::vector<CompressScratch> all(static_cast<size_t>(threads));
  for (CompressScratch& scratch : all) scratch.select.kernels = &kernels;
  return all;
}

}  // namespace

CpuBackend::CpuBackend(const EngineOptions& options)
    : model_(loadModel(options.config, options.weightFiles, options.threads)),
      kernels_(selectKernels(options.simd)),
      products_(productInputOf(options.products)),
      threads_(options.threads),
      whole_(*model_, kernels_, products_, &threads_),
      lanes_(makeLanes()),
      shape_(shapeFor(*model_, options.cacheType)),
      pool_(shape_.page.bytes(), options.cacheLimit ? options.cacheLimit : defaultCacheLimit()),
      nearBytes_(options.nearBytes ? options.nearBytes : nearBytesOf(*model_)),
      compressScratch_(scratchFor(options.threads, kernels_)) {}

std::string CpuBackend::simd() const {
  if (products_ == ProductInput::float32) return kernels_.name;
  return std::string(kernels_.name) + (kernels_.bf16 ? "-bf16" : "-rounded");
}

void CpuBackend::check(const Request& request, const Policy& policy) const {
  checkHolds(shape_.page, request.policy.name, policy);
}

double CpuBackend::peakBlocks(const Request& request, const Policy& policy) const {
  const int64_t entries = mostEntries(request, policy, model_->config.group());
  return static_cast<double>(shape_.page.blocks(entries)) * shape_.layers * shape_.kvHeads;
}

std::unique_ptr<Holding> CpuBackend::hold(const Request& request, const Policy& policy) {
  auto holding = std::make_unique<CpuHolding>(request, policy, pool_, shape_, model_->config.heads);
  const int entries = request.assumed.entries;
  if (entries == 0) return holding;
  holding->reserve(entries);
  threads_.run(shape_.layers * shape_.kvHeads, false, [&](int task, int) {
    holding->cache.makeUp(task / shape_.kvHeads, task % shape_.kvHeads, entries);
  });
  return holding;
}

PoolCensus CpuBackend::census(std::span<const Holding* const> live) const {
  PoolCensus census{pool_.total(), pool_.free(), pool_.used(), 0, 0};
  std::unordered_set<const std::byte*> blocks;
  for (const Holding* const one : live) {
    const SequenceCache& cache = static_cast<const CpuHolding*>(one)->cache;
    for (int i = 0; i < shape_.layers * shape_.kvHeads; ++i) {
      const HeadCache& head = cache.head(i / shape_.kvHeads, i % shape_.kvHeads);
      census.held += head.blocks.size();
      blocks.insert(head.blocks.begin(), head.blocks.end());
    }
  }
  census.distinct = blocks.size();
  return census;
}

std::vector<std::unique_ptr<Lane>> CpuBackend::makeLanes() {
  std::vector<std::unique_ptr<Lane>> lanes;
  const bool several = threads_.threads() > 1;
  for (int i = 0; several && i < threads_.threads(); ++i) {
    lanes.push_back(std::make_unique<Lane>(*model_, kernels_, products_, nullptr));
  }
  return lanes;
}

// Shares the sequences out so that lanes are done at about the same time: the costliest first, each to the lane that has
// least. Returns how many lanes have something to do; one is the lane with all threads.
int CpuBackend::shareOut(std::span<Fed> fed) {
  whole_.clear();
  const size_t fewest = model_->small() ? fewestOfSmall : fewestOfLarge;
  if (lanes_.empty() || fed.size() < fewest * lanes_.size()) {
    for (Fed& one : fed) whole_.add(one);
    return 1;
  }
  const double weights = static_cast<double>(model_->weights.bytes() / dtypeBytes(model_->type()));
  const double entry = 2.0 * shape_.page.dim * model_->config.group();
  costs_.clear();
  for (Fed& one : fed) {
    const auto entries = static_cast<double>(cpuHolding(*one.sequence).cache.entries());
    costs_.push_back({one.rows * (weights + entry * entries), &one});
  }
  std::stable_sort(costs_.begin(), costs_.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  loads_.assign(lanes_.size(), 0);
  for (const auto& lane : lanes_) lane->clear();
  for (const auto& [cost, one] : costs_) {
    const auto least = std::min_element(loads_.begin(), loads_.end());
    *least += cost;
    lanes_[static_cast<size_t>(least - loads_.begin())]->add(*one);
  }
  return static_cast<int>(lanes_.size());
}

void CpuBackend::run(std::span<Fed> fed, int) {
  const int lanes = shareOut(fed);
  if (lanes == 1) whole_.run();
  else threads_.run(lanes, false, [&](int lane, int) { lanes_[static_cast<size_t>(lane)]->run(); });
}

std::string CpuBackend::memoryText(size_t rows, size_t wanted) const {
  return "the machine has no memory left for a step of " + std::to_string(rows) + " rows, which needs " +
         std::to_string(whole_.forward.workBytes(rows, wanted)) + " bytes beside weights and caches";
}

void CpuBackend::cancel() {
  threads_.cancel();  // first: it is what is asked once a lane has left its rows undone
  for (const auto& lane : lanes_) lane->cancel();
}

}  // namespace pathpress
