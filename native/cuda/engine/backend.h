// A GPU as a backend of the engine: a decoder for the steps, a compressor between them. Weights and cache are bfloat16.
#pragma once

#include <atomic>
#include <optional>

#include "../../engine/backend.h"
#include "compressor.h"

namespace pathpress::cuda {

class CudaHolding;

constexpr int recordedRows = 64;  // of a sequence in a step, at most, where attention to its entries is noted

struct CudaOptions {
  int threads = 1;        // that loaded the model
  size_t cacheLimit = 0;  // bytes of the caches at most; 0 for what the GPU's memory holds
};

// What to say where `what` finds no memory.
std::string memoryText(const std::string& what, double needed, size_t free);

class CudaBackend : public Backend {
 public:
  // Copies the weights to the device. Throws EngineError BAD_CONFIG where the model has a shape that a kernel cannot do, or
  // OUT_OF_MEMORY.
  CudaBackend(std::unique_ptr<Device> device, std::unique_ptr<Model> model, const CudaOptions& options);

  const Model& model() const override { return *model_; }
  int threads() const override { return options_.threads; }
  std::string simd() const override { return "cuda-" + device_->architecture(); }
  const char* cacheType() const override { return "bf16"; }
  int rows() const override { return decoder_ ? decoder_->limits().rows : groupTokens; }

  void check(const Request& request, const Policy& policy) const override;
  Demand demandOf(const Request& request, const Policy& policy) const override;
  // Lays memory out for the largest demand so far: what a sequence may hold, and of the rest as many pages as there may
  // be sequences to fill. Where memory is short, with fewer places than were asked for.
  bool prepare(const Demand& demand, bool idle) override;
  size_t places() const override { return laidOut_.places; }
  double capacity() const override { return decoder_ ? decoder_->limits().poolPages : 0; }
  double peakBlocks(const Request& request, const Policy& policy) const override;
  std::unique_ptr<Holding> hold(const Request& request, const Policy& policy) override;
  PoolCensus census(std::span<const Holding* const> live) const override;

  void run(std::span<Fed> fed, int turn) override;
  bool runsAhead() const override { return true; }
  void take(std::span<Fed> fed, int turn) override;
  void compress(std::span<Sequence* const> due, const std::vector<std::vector<float>>* scores) override;
  std::vector<std::vector<Ballot>> ballots(Sequence& sequence) override;
  std::vector<float> logits(const std::vector<int32_t>& ids) override;
  std::string memoryText(size_t rows, size_t) const override;
  void cancel() override { cancelled_ = true; }
  bool cancelled() const override { return cancelled_; }

  // For what sequences hold.
  Decoder& decoder() { return *decoder_; }
  const Decoder& decoder() const { return *decoder_; }
  Compressor& compressor() { return *compressor_; }
  // A page of all layers and heads.
  size_t pageBytes() const;
  int takeSlot();
  void giveSlot(int slot);

 private:
  double neededBytes(const Request& request, const Policy& policy) const;
  double placeBytes(const Demand& demand) const;
  Demand rounded(Demand demand) const;
  DecoderLimits limitsOf(const Demand& demand) const;
  size_t usefulPlaces(const Demand& demand) const;
  void layOut(const Demand& demand);
  void observe(std::span<Fed> fed);
  void judge(std::span<Fed> fed);
  void compressAlike(const std::vector<Sequence*>& due, const std::vector<std::vector<float>>* scores);
  void settle(Sequence& sequence, int left);
  std::vector<int32_t> positionsOf(const Sequence& sequence, int layer, int set) const;
  KeptPositions keptOf(const Sequence& sequence, int layer, int set) const;

  std::unique_ptr<Device> device_;
  std::unique_ptr<Model> model_;
  CudaOptions options_;
  DeviceModel weights_;  // but for the angles
  size_t fixedArrays_;   // of the weights
  size_t roomBytes_;     // beside them

  Demand laidOut_, served_;  // the latter: with as many places as were asked for
  std::optional<Compressor> compressor_;
  std::optional<Decoder> decoder_;
  std::vector<int> freeSlots_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace pathpress::cuda
