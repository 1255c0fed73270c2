// One sequence in the batch: what it has written, what its policy counts, what its result will say.
#pragma once

#include <memory>

#include "compressor.h"
#include "request.h"

namespace pathpress {

struct Run;

struct Sequence {
  Sequence(const Request& request, Run& run, size_t index, std::unique_ptr<Policy> policy, BlockPool& pool,
           const CacheShape& shape, int heads);

  bool prefilling() const { return prefilled < progress.prompt; }
  // Counts of the pass that has just written `rows` entries, of which a decode pass writes one.
  void afterPrefill(int rows);
  void afterDecode(int64_t readBytes);
  bool due() const { return policy->due(progress); }
  void afterCompression(const Compression& compression);
  // Takes the token in; returns true where the sequence ends with it.
  bool accept(int32_t id);
  Result finish(Finish how);

  const Request& request;
  Run& run;
  size_t index;  // of the request in its run
  std::unique_ptr<Policy> policy;
  Recipe recipe;
  Progress progress;
  SequenceCache cache;
  QueryRows queries;
  int64_t prefilled = 0;     // prompt tokens written
  int32_t next = 0;          // the token to feed
  bool waiting = false;      // for an acknowledgement (Request::lockstep)
  bool stopAsked = false;
  Result result;

 private:
  void track();

  int64_t decodePasses_ = 0;
  int64_t entrySum_ = 0, entryPeak_ = 0;  // over layers and key-value heads
  double byteSum_ = 0;
  size_t bytePeak_ = 0, sidePeak_ = 0;
  double readSum_ = 0;
};

}  // namespace pathpress
