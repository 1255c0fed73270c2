// Where sequences are computed, behind the engine's scheduler: their caches, the model's passes, the compressions. The
// engine's thread alone calls it, but for check(), cancel() and what only tells of the model; within runApart() each lane's
// thread calls what concerns its own sequences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../models/model.h"
#include "request.h"

namespace pathpress {

struct Sequence;

struct Held {
  int64_t entries;   // summed over layers and key-value heads
  size_t bytes;      // of the blocks that they are in: room reserved ahead does not count
  size_t sideBytes;  // of what the policy needs beside them
};

// What one sequence holds: entries in blocks of the backend's pool, and what its policy needs beside them.
class Holding {
 public:
  virtual ~Holding() = default;
  // Makes room for `entries` more in every head. Throws EngineError OUT_OF_MEMORY naming the bytes needed and at hand;
  // what it holds then is good, and it may be asked again.
  virtual void reserve(int entries) = 0;
  // Counts `entries` in, which a pass has written; the first has true position `position`.
  virtual void commit(int entries, int position) = 0;
  // Forgets all entries and what was noted of them, and gives all blocks back.
  virtual void clear() = 0;
  // Of a policy that looks ahead (Recipe::ahead): what is noted of attention starts anew; the last `entries` are
  // forgotten, and their blocks given back.
  virtual void resum() {}
  virtual void cut(int) {}

  virtual std::pair<int, int> extremes() const = 0;  // least and most entries of a head
  virtual size_t blocks() const = 0;
  virtual Held held() const = 0;
  virtual int64_t readBytes() const = 0;             // that attention reads when it decodes one token after its entries
  virtual int64_t rowsAtOnce() const = 0;            // known generated tokens that one pass may bring
  // Rows of its prompt that one pass may bring: fewer than all where attention is noted after the pass, from rows kept for it.
  virtual int64_t promptRowsAtOnce() const { return std::numeric_limits<int64_t>::max(); }
};

// What a step feeds of one sequence.
struct Fed {
  Sequence* sequence;
  int rows;
  int follow;   // tokens that follow: one sampled, or those that are known; 0 within a prompt
  bool sampled;
  double* seconds;  // of the sequence's result, where the time that it takes counts
  int judged = 0;  // known ones of which the logits before them are asked what they say
  std::span<const float> logits = {};  // of the last row where sampled, (vocab), where the host has them; until take()
  int32_t token = -1;                  // sampled; -1 where the logits are not numbers
  float entropy = 0;                   // of what it was sampled from, where asked for
};

// Blocks of the pool between two steps: what it counts, and what the live sequences hold.
struct PoolCensus {
  size_t total = 0, free = 0, used = 0;
  size_t held = 0;      // by sequences, those of a parked one included
  size_t distinct = 0;  // among the held ones: less than `held` where two own the same block
};

// What the requests of a run need at most: for backends that lay out their memory ahead.
struct Demand {
  size_t places = 0;      // sequences at a time
  int64_t entries = 0;    // that a head holds, by the policies' closed form
  int64_t positions = 0;  // prompt and output
  int64_t queryRows = 0;  // that a policy keeps
  int64_t readPages = 0;  // Recipe::readPages
  double blocks = 0;      // of the pool, and bytes beside it for its compressions: of one sequence, where a backend asks
  double roomBytes = 0;
  bool layerSets = false, groupSets = false, headSets = false;  // of policies that evict
  bool uneven = false;                               // Recipe::uneven()
  bool mass = false, stamps = false, gaps = false;  // notes of attention

  bool operator==(const Demand&) const = default;
  void cover(const Demand& other);
  bool covers(const Demand& other) const;
};
// Of one request; `group` query heads share a key-value head.
Demand demandOf(const Request& request, const Policy& policy, int group);

// A pass of a lane of Backend::runApart.
struct LanePass {
  int lane, lanes;
  std::vector<Fed*>& fed;  // what it ran, and will run next
  double seconds;
};
// Asked on the lane's own thread: takes in what the pass drew, makes `fed` what the next one runs, and says whether there
// is one.
using AfterPass = std::function<bool(const LanePass& pass)>;

class Backend {
 public:
  virtual ~Backend() = default;

  virtual const Model& model() const = 0;
  virtual int threads() const = 0;
  virtual std::string simd() const = 0;  // how sums are taken
  virtual const char* cacheType() const = 0;
  // Rows of a step at most.
  virtual int rows() const = 0;

  // Throws EngineError BAD_OPTION naming what it cannot do, or OUT_OF_MEMORY what it could never hold.
  virtual void check(const Request& request, const Policy& policy) const = 0;
  // What a request needs.
  virtual Demand demandOf(const Request& request, const Policy& policy) const {
    return pathpress::demandOf(request, policy, model().config.group());
  }
  // Makes ready for sequences of such a demand; `idle` where none runs. False where that has to wait until then. Throws
  // EngineError OUT_OF_MEMORY.
  virtual bool prepare(const Demand&, bool) { return true; }
  // Sequences that may run at a time.
  virtual size_t places() const = 0;
  virtual double capacity() const = 0;  // blocks of the pool
  // Blocks that a step should read at most, where sequences can wait for one another: as many as are still in the
  // processor's caches when the next step reads them.
  virtual size_t nearBlocks() const { return std::numeric_limits<size_t>::max(); }
  // Blocks that a request needs at its worst moment, by its policy's closed form.
  virtual double peakBlocks(const Request& request, const Policy& policy) const = 0;
  // For a new sequence; with the entries that Request::assumed makes up, not yet counted in. Throws EngineError
  // OUT_OF_MEMORY. The request and the policy outlive it.
  virtual std::unique_ptr<Holding> hold(const Request& request, const Policy& policy) = 0;
  virtual PoolCensus census(std::span<const Holding* const> live) const = 0;

  // Runs the rows through the model and draws what is to be sampled. Where cancelled() then, nothing that it left is to be
  // trusted. `turn`, 0 or 1, is not that of the run before.
  virtual void run(std::span<Fed> fed, int turn) = 0;
  // In place of run(): shares the rows out to lanes, each of which runs its part again and again, for as long as `after`
  // says so, without waiting for the others. False where they are not to be parted: then nothing was run.
  virtual bool runApart(std::span<Fed>, const AfterPass&) { return false; }
  // compress() of one sequence, from within `after` of its lane.
  virtual void compressApart(int, Sequence&) {}
  // Whether run() may return before its rows are through, so that another can be begun meanwhile, in which a sequence
  // goes on from a token that only the backend knows.
  virtual bool runsAhead() const { return false; }
  // Fills in what the run of that turn, the last one or the one before, has drawn; waits for it.
  virtual void take(std::span<Fed>, int) {}
  // Compresses sequences that are due; `scores` from outside, one list a set, layer by layer, of one sequence alone.
  virtual void compress(std::span<Sequence* const> due, const std::vector<std::vector<float>>* scores) = 0;
  // Of each layer the sets that a sequence's compression would make smaller, for somebody else to score.
  virtual std::vector<std::vector<Ballot>> ballots(Sequence& sequence) = 0;
  // Teacher-forced logits of every position, (ids, vocab). Throws EngineError OUT_OF_MEMORY, BAD_LOGITS, BAD_OPTION, or
  // DISPOSED where cancelled.
  virtual std::vector<float> logits(const std::vector<int32_t>& ids) = 0;

  virtual std::string memoryText(size_t rows, size_t wanted) const = 0;  // where a step of so many found no memory

  // Ends what run(), compress() and logits() are at, for good.
  virtual void cancel() = 0;
  virtual bool cancelled() const = 0;
};

}  // namespace pathpress
