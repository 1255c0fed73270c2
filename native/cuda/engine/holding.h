// What a sequence holds on a GPU: a slot of the decoder from its first entry on, and the pages of that.
#pragma once

#include "backend.h"

namespace pathpress::cuda {

class CudaHolding final : public Holding {
 public:
  CudaHolding(CudaBackend& backend, const Request& request, const Policy& policy);
  ~CudaHolding() override { clear(); }
  CudaHolding(const CudaHolding&) = delete;
  CudaHolding& operator=(const CudaHolding&) = delete;

  void reserve(int entries) override;
  void commit(int entries, int) override { count += entries; }
  void clear() override;
  void resum() override;
  void cut(int entries) override;
  std::pair<int, int> extremes() const override;
  size_t blocks() const override;
  // Beside its pages the query rows that its policy keeps, where its entries stood, and what is noted of them.
  Held held() const override;
  int64_t readBytes() const override;
  int64_t rowsAtOnce() const override;
  int64_t promptRowsAtOnce() const override;

  int ring() const { return kept_.turns; }
  int kvHeads() const { return backend_.model().config.kvHeads; }
  // After a compression that was to leave `left` entries in each set; returns how many the first layer's have on average.
  int settle(int left);
  // Entries of each of its sets, or of the longest.
  int setCount() const { return count - shared_; }
  // Entries that a head has less than the longest.
  int less(int layer, int kvHead) const;
  const std::vector<int>& pages() const { return backend_.decoder().pages(slot); }

  int slot = -1;       // none before its first entry
  int count = 0;       // entries of each head, or of the longest
  int settled = 0;     // of a set's, that its last compression left
  int64_t draws = 0;   // the random number that its slot draws by next
  bool drew = false;   // its next token is the one that the slot drew last

 private:
  size_t boundsBytes() const;
  size_t entryBytes() const;  // of what is noted
  int64_t entries() const;  // summed over layers and key-value heads

  CudaBackend& backend_;
  Recipe recipe_;
  int heads_;  // layers times key-value heads
  DrawOptions options_;
  Decoder::KeptRows kept_;
  Reading reading_;
  std::vector<int> less_;  // (layers, kvHeads) where heads hold entries of their own number, else none
  int shared_ = 0;         // entries of the longest that a query head's own set has not
  size_t rowBytes_;      // of the query rows that it keeps
  size_t bytesAnEntry_;  // that are noted, of all sets
};

// Of a sequence of the CUDA backend.
CudaHolding& cudaHolding(const Sequence& sequence);

}  // namespace pathpress::cuda
