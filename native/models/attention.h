// The attention of a batch of rows over their caches, and what policies have noted of it.
#pragma once

#include <span>
#include <vector>

#include "../engine/kernels.h"
#include "../engine/sequence_cache.h"
#include "../engine/side_state.h"
#include "../engine/thread_pool.h"
#include "model.h"

namespace pathpress {

// A token to feed. Rows of one sequence stand together, in order.
struct Row {
  int token;
  int position;          // what rotary embedding sees: the true one, or the place in the cache (SideState::rotatedAtReading)
  int offset;            // how many rows of the same sequence stand before it in this batch
  SequenceCache* cache;  // has room reserved for the sequence's rows; the caller commits them after the pass
  SideState* side;       // null where no policy asks for anything
  bool wantLogits;
};

class Attention {
 public:
  Attention(const Model& model, const Kernels& kernels, ThreadPool& threads);

  // Before the layers of a pass.
  void prepare(std::span<const Row> rows);

  // What the rows' queries (rows, heads·dim) read of a layer's keys and values, into `mixed` of the same shape; notes the
  // rows' attention where a policy asks for it.
  void run(std::span<const Row> rows, int layer, const float* query, float* mixed);

 private:
  struct Scratch {
    std::vector<float> scores, rotated;
    std::vector<const std::byte*> pages;
    PageScratch choice;
  };
  void attend(std::span<const Row> rows, int layer, const float* query, float* mixed);
  void attendHead(const Row& row, int layer, int kvHead, const float* query, float* mixed, float* weights, int worker);
  void observe(std::span<const Row> rows, int layer);

  const Model& model_;
  const Kernels& kernels_;
  ThreadPool& threads_;
  std::vector<float> placeCosine_, placeSine_;  // (places of the cache, rotary.pairs), as far as they were needed
  std::vector<float> observed_;                 // attention weights of the rows that are recorded
  std::vector<size_t> observedAt_;              // where a row's are, (kvHeads, entries rounded up to 16)
  std::vector<Scratch> scratch_;                // one a worker
};

}  // namespace pathpress
