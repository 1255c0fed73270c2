// The attention of a batch of rows over their caches, and what policies have noted of it.
#pragma once

#include <span>
#include <vector>

#include "../engine/aligned.h"
#include "../engine/kernels.h"
#include "../engine/sequence_cache.h"
#include "../engine/side_state.h"
#include "../engine/thread_pool.h"
#include "config.h"
#include "products.h"

namespace pathpress {

// A token to feed. Rows of one sequence stand together, in order.
struct Row {
  int token;
  int position;          // what rotary embedding sees: the true one, or the place in the cache (SideState::rotatedAtReading)
  int offset;            // how many rows of the same sequence stand before it in this batch
  SequenceCache* cache;  // has room reserved for the sequence's rows; the caller commits them after the pass
  SideState* side;       // null where no policy asks for anything
  bool wantLogits;

  bool recorded() const { return side && side->record.kept(); }  // a policy asks for its attention
  // Reads the cache's pages as they lie, and all of them.
  bool asItLies() const { return !(side && (side->rotatedAtReading || side->bounds.active())); }
};

class Attention {
 public:
  // `inverseFrequencies` (rotary.pairs); what is passed must outlive this. `near` where what a pass reads is still in
  // the processor's caches when the next one reads it. `products`: of queries and keys, and of weights and values, where
  // pages are of bfloat16; other pages see all in float32.
  Attention(const ModelConfig& config, const Rotary& rotary, const std::vector<float>& inverseFrequencies,
            const Kernels& kernels, ThreadPool& threads, bool near, ProductInput products);

  // Before the layers of a pass.
  void prepare(std::span<const Row> rows);

  // What the rows' queries (rows, heads·dim), rowStride() apart, read of a layer's keys and values, into `mixed` of the
  // same shape; notes the rows' attention where a policy asks for it. A caller's rows that lie closer are refused.
  void run(std::span<const Row> rows, int layer, std::span<const float> query, std::span<float> mixed);

 private:
  struct Scratch {
    Aligned<float> widened;  // the pages of a piece of a quantised cache
    std::vector<float> query, scores, partial, rotated, mean;
    std::vector<const std::byte*> pages;
    PageScratch choice;
    int fetched = 0;  // pages of what is read next, on their way into the caches
  };
  // Consecutive rows of one sequence, which read the same pages together.
  struct Block {
    size_t first;
    int rows;
    bool plain;  // reads the cache as it lies, and is not recorded
  };
  // The query heads of one key-value head for one block.
  struct Reading {
    const std::byte* const* pages;
    int entries;  // that the first row sees
    int rows;
    DType type;
    const float* query;  // (rows, group, dim)
    const uint32_t* masks;
    // Of a quantised cache: how its pages lie, and the rows' own, the last that they see, which they see in full.
    QuantisedPage codes;
    const std::byte* ownPage;
  };
  // A reading, or some of its pieces where end > 0.
  struct Unit {
    size_t block;
    int kvHead;
    int begin, end;
    size_t partial;  // where the sums of the reading's pieces are in partials_
  };
  static constexpr int tasksAThread = 16;  // enough that threads end together
  void closePages(std::span<const Row> rows, int layer);
  void attend(std::span<const Row> rows, int layer, const float* query, float* mixed);
  void findBlocks(std::span<const Row> rows, int layer);
  void findUnits(std::span<const Row> rows, int layer);
  Reading read(std::span<const Row> rows, const Block& block, int layer, int kvHead, const float* query, Scratch& scratch);
  // What a thread reads after a unit, to be fetched meanwhile.
  struct Coming {
    const std::byte* const* pages;
    int count;
  };
  void attendUnit(std::span<const Row> rows, int layer, const float* query, float* mixed, const Unit& unit,
                  Coming coming, Scratch& scratch);
  Coming firstPages(std::span<const Row> rows, int layer, const Unit& unit) const;
  void attendPieces(const Reading& reading, int begin, int end, float* partial, float* scores, bool keepScores,
                    Coming coming, Scratch& scratch) const;
  const std::byte* const* widenPages(const Reading& reading, int first, int last, Scratch& scratch) const;
  void join(const Reading& reading, const float* partial, const float* scores, float* mixed, float* weights) const;
  static Reading plainReading(const Row& row, int rows, int layer, int kvHead);  // but for its queries
  static int piecesOf(const Reading& reading);
  size_t partialFloats(const Reading& reading) const;
  void observe(std::span<const Row> rows, int layer);

  const ModelConfig& config_;
  const Rotary& rotary_;
  const std::vector<float>& inverseFrequencies_;
  const Kernels& kernels_;
  ThreadPool& threads_;
  const bool near_;
  const bool rounded_;        // queries and weights, for pages of bfloat16
  const size_t queryStride_;  // from one row of queries to the next
  std::vector<float> placeCosine_, placeSine_;  // (places of the cache, rotary.pairs), as far as they were needed
  std::vector<Block> blocks_;
  std::vector<Unit> units_, joins_;             // what is to be read, and which readings are to be joined after that
  std::vector<float> partials_;
  std::vector<float> observed_;                 // attention weights of the rows that are recorded
  std::vector<size_t> observedAt_;              // where a row's are, (kvHeads, entries rounded up to 16)
  std::vector<Scratch> scratch_;                // one a worker
};

}  // namespace pathpress
