// The mechanism that every policy shares: score the candidates of one set, keep the best.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../engine/kernels.h"
#include "policy.h"

namespace pathpress {

// A query head that votes in a set, and the keys it votes on: the candidates' alone, or where the softmax runs over more
// (Recipe::softmax) those of every entry of the set.
struct Voter {
  const float* queries;  // (rows, dim), contiguous, oldest row first, rotated at their true positions
  KeyPages keys;         // in the order of their positions, as cached (rotated)
};

// What the record of attention (Recipe::record) says of the candidates, one value each; empty where it has no such list.
struct RecordView {
  std::span<const float> mass;
  std::span<const int32_t> stamps, gaps;  // true positions of rows, and differences of such
};

// What a draw depends on besides the token; the same on any batch size and thread count.
struct DrawKey {
  uint64_t seed = 0;
  int32_t stream[2] = {0, 0};
  int32_t layer = 0;
  int32_t head = 0;   // key-value head; 0 where one set serves the layer
  int64_t cycle = 0;  // Progress::cycle before this compression is counted
};

// One set of entries that is compressed as one. Candidates = the entries of the set that are neither among the first
// Keep::pinned nor among the last Keep::recent.
//   layer  one set; voters = all query heads, each with the keys of its own key-value head;
//   group  one set for each key-value head; voters = the query heads of its group;
//   head   one set for each query head, voting alone: candidates are the entries that this query head still attends.
// Voters come in the order of their query heads: votes are summed in that order, in float32, so that the result depends
// on nothing else but the kernels. Each instruction set's order of summation within a dot product and a softmax is its
// own, and may decide a near tie: records name theirs. Policies that do not vote (Selectors::none) take no voters and no rows.
struct CandidateSet {
  std::span<const Voter> voters;
  int64_t rows = 0;  // voterRows(recipe, progress): the latest rows kept, the current token's last
  int64_t dim = 0;   // head size
  std::span<const int32_t> positions;     // (candidates), true positions, strictly ascending
  std::span<const int32_t> rowPositions;  // (rows), true positions; read where rows are causal
  DrawKey key;                            // read where something is drawn
  DType arithmetic = DType::f32;          // in which votes are counted; queries and keys hold values of this type

  std::span<const int32_t> keyPositions{};  // (keys), true positions, where the voters' keys are more than the candidates'
  int64_t firstKey = 0;                   // which of those keys is the first candidate's
  std::span<const float> ranges{};          // (candidates): largest less smallest value channel; for Recipe::rangeShare
  RecordView record{};                      // for Scoring::record
  std::span<const float> given{};           // (candidates): scores from outside, in place of any; no NaN
  int64_t now = 0;                        // true position of the latest row; for Record::recurrence
};

// Reused from call to call; one a thread.
struct SelectScratch {
  const Kernels* kernels = &selectKernels({});
  std::vector<float> rows, rivals, votes, scores, pooled, units;
  std::vector<double> ranks, order;
  std::vector<int32_t> indices;
};

// Scores of the candidates, higher is better, one a candidate, into scratch.ranks. Votes: for each voter and row the
// softmax over the keys that the row sees of q·k/sqrt(dim), summed over rows, mean over voters, pooled.
void scoreCandidates(const Recipe& recipe, const CandidateSet& set, SelectScratch& scratch);

// Indices into the candidates of the min(stay, candidates) best, ascending; the lower index wins a tie. Where all stay
// nothing is scored.
void select(const Recipe& recipe, const CandidateSet& set, int64_t stay, SelectScratch& scratch,
            std::vector<int32_t>& kept);

// AdaKV's choice for all key-value heads of a layer at once: `ranks` holds a list of scores a head. Each head's best
// `floor` stay, and the best of all heads together up to `places` in all; the lower head, then the lower index wins a
// tie. Returns indices into each head's candidates, ascending.
std::vector<std::vector<int32_t>> shareOut(const std::vector<std::vector<double>>& ranks, int64_t places,
                                           int64_t floor);

}  // namespace pathpress
