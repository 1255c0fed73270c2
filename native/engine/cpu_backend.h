// The CPU as a backend: a block pool, and lanes of threads.
#pragma once

#include <limits>

#include "backend.h"
#include "compressor.h"
#include "engine.h"
#include "lane.h"

namespace pathpress {

class CpuBackend : public Backend {
 public:
  // Loads the model; throws EngineError.
  explicit CpuBackend(const EngineOptions& options);

  const Model& model() const override { return *model_; }
  int threads() const override { return threads_.threads(); }
  // The kernels' name, and where inputs are rounded to bfloat16 "-bf16" for the processor's own products of those or
  // "-rounded" for products in float32.
  std::string simd() const override;
  const char* cacheType() const override { return shape_.page.name(); }
  int rows() const override { return std::numeric_limits<int>::max(); }

  void check(const Request& request, const Policy& policy) const override;
  size_t places() const override { return std::numeric_limits<size_t>::max(); }
  double capacity() const override { return static_cast<double>(pool_.capacity()); }
  size_t nearBlocks() const override { return nearBytes_ / pool_.blockBytes(); }
  double peakBlocks(const Request& request, const Policy& policy) const override;
  std::unique_ptr<Holding> hold(const Request& request, const Policy& policy) override;
  PoolCensus census(std::span<const Holding* const> live) const override;

  void run(std::span<Fed> fed, int turn) override;
  bool runApart(std::span<Fed> fed, const AfterPass& after) override;
  void compressApart(int lane, Sequence& due) override;
  void compress(std::span<Sequence* const> due, const std::vector<std::vector<float>>* scores) override;
  std::vector<std::vector<Ballot>> ballots(Sequence& sequence) override;
  std::vector<float> logits(const std::vector<int32_t>& ids) override;
  std::string memoryText(size_t rows, size_t wanted) const override;
  void cancel() override;
  bool cancelled() const override { return threads_.cancelled(); }

 private:
  std::vector<std::unique_ptr<Lane>> makeLanes();
  int shareOut(std::span<Fed> fed);
  bool stayInLanes(std::span<Fed> fed);
  CompressJob jobOf(Sequence& sequence) const;
  void compressWith(ThreadPool& threads, CompressScratch* scratch, std::span<Sequence* const> due,
                    const std::vector<std::vector<float>>* scores);

  std::unique_ptr<Model> model_;
  const Kernels& kernels_;
  ProductInput products_;
  ThreadPool threads_;
  Lane whole_;                                // with all threads
  std::vector<std::unique_ptr<Lane>> lanes_;  // with one each; none where there is one thread
  CacheShape shape_;
  BlockPool pool_;
  const size_t nearBytes_;
  std::vector<std::pair<double, Fed*>> costs_;
  std::vector<double> loads_;  // of the lanes
  std::vector<CompressScratch> compressScratch_;
};

}  // namespace pathpress
