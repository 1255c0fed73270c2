// Carries out what a policy states: gathers candidates, has them scored and selected, and compacts the cache.
#pragma once

#include <vector>

#include "../policies/select.h"
#include "request.h"
#include "sequence_cache.h"
#include "side_state.h"
#include "voted_keys.h"

namespace pathpress {

// What one layer's compression needs beside its cache; reused from call to call, one a thread.
struct CompressScratch {
  SelectScratch select;
  std::vector<OwnKeys> keys;                // one a key-value head
  std::vector<std::vector<float>> queries;  // one a query head
  std::vector<Voter> voters;
  std::vector<int32_t> candidates, positions, keyPositions, rowPositions, kept, stay;
  std::vector<float> mass, ranges, value;
  std::vector<int32_t> stamps, gaps;
  std::vector<uint32_t> masks;
};

// One sequence that is due.
struct CompressJob {
  const Recipe& recipe;
  Keep keep;
  const Progress& progress;
  SequenceCache& cache;
  SideState& side;
  uint64_t seed;
  const int32_t* stream;
  int heads;   // query heads
  DType type;  // the model's own
  const std::vector<std::vector<float>>* scores = nullptr;  // one list a set, layer by layer: from outside
};

CacheTracking trackingFor(const Recipe& recipe, bool evicts);

// The sets of a layer as somebody else is to see them, without tokens and entropies; none where all candidates stay. Of
// policies with one set a layer or a key-value head.
std::vector<Ballot> ballots(const CompressJob& job, int layer, bool keys, CompressScratch& scratch);

// Compresses one layer; layers may go on different threads. Returns the entries of a set before and after. Adds kept
// positions to `trace` where not null. The caller releases the cache's tails when all layers are done.
Compression compressLayer(const CompressJob& job, int layer, CompressScratch& scratch, std::vector<KeptPositions>* trace);

}  // namespace pathpress
