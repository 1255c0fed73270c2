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

std::string CpuBackend::memoryText(size_t rows, size_t wanted) const {
  return "the machine has no memory left for a step of " + std::to_string(rows) + " rows, which needs " +
         std::to_string(whole_.forward.workBytes(rows, wanted)) + " bytes beside weights and caches";
}

}  // namespace pathpress
