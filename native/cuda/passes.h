// A policy's recipe as the passes that carry it out, for whoever holds the arrays.
#pragma once

#include "choose.h"
#include "compact.h"
#include "compress_plan.h"
#include "observe.h"
#include "ranks.h"
#include "redundancy.h"
#include "reranks.h"
#include "share.h"
#include "unite.h"
#include "votes.h"

namespace pathpress::cuda {

// Everything that the passes of one recipe work on. `votes.cache` is the others' too.
struct Passes {
  Votes votes{};
  Ranks ranks{};
  Redundancy redundancy{};
  Shuffling shuffling{};
  Widest widest{};
  SharingOut sharing{};
  Choice choice{};
  Uniting uniting{};
  Compaction compaction{};
  // Which a recipe needs beside the compaction.
  bool ranked = false, counts = false, compares = false, shuffles = false, draws = false, widens = false, shares = false;
  bool unites = false;
  bool given = false;  // ranks are from outside

  void takeGiven() {
    given = true;
    counts = compares = shuffles = draws = widens = false;
  }

  // Elements that arrays between the passes must have room for.
  size_t partsRoom() const { return rowsRoom(ranks.cache.chunkCount); }
  size_t totalsRoom() const { return rowsRoom(ranks.cache.dues); }
  size_t votesRoom() const { return static_cast<size_t>(votes.listAt(ranks.cache.layers, 0)); }
  size_t ranksRoom() const { return setsRoom(ranks.room); }
  size_t sharesRoom() const { return setsRoom(ranks.cache.dues); }
  size_t keptRoom() const { return setsRoom(choice.keptRoom); }
  size_t heldRoom() const { return ownHeads() * static_cast<size_t>(uniting.room); }
  size_t unitedRoom() const { return ownHeads() * static_cast<size_t>(uniting.cache.dues); }
  size_t keysRoom() const { return headsRoom() * static_cast<size_t>(redundancy.keysRoom()); }
  // Bytes of all of them.
  double roomBytes() const {
    const auto of = [](bool wanted, size_t elements, size_t bytes) { return wanted ? static_cast<double>(elements * bytes) : 0; };
    const size_t orders = 1 + size_t{shuffles} + size_t{widens};  // of candidates
    return of(counts, partsRoom() + totalsRoom() + votesRoom(), sizeof(float)) + of(true, orders * ranksRoom(), sizeof(double)) +
           of(compares, keysRoom(), 2 * sizeof(float) + sizeof(unsigned long long)) +
           of(true, (1 + size_t{widens}) * keptRoom(), sizeof(int)) + of(shares, sharesRoom(), sizeof(int)) +
           of(unites, 2 * heldRoom() + unitedRoom(), sizeof(int));
  }

 private:
  size_t rowsRoom(int count) const {
    return headsRoom() * static_cast<size_t>(count) * static_cast<size_t>(votes.rowRoom * 2);
  }
  size_t headsRoom() const { return static_cast<size_t>(ranks.cache.layers * ranks.cache.kvHeads); }
  size_t ownHeads() const { return static_cast<size_t>(uniting.cache.layers * uniting.cache.kvHeads); }
  size_t setsRoom(int count) const {
    return static_cast<size_t>(ranks.cache.layers * ranks.cache.sets) * static_cast<size_t>(count);
  }
};

inline RankBy rankBy(const Recipe& recipe) {
  switch (recipe.scoring) {
    case Scoring::votes: return RankBy::votes;
    case Scoring::recency: return RankBy::recency;
    case Scoring::priority: return RankBy::priority;
    case Scoring::record: break;
  }
  return recipe.record == Record::mass    ? RankBy::mass
         : recipe.record == Record::stamp ? RankBy::stamp
                                          : RankBy::recurrence;
}

inline PoolBy poolBy(Pooling pooling) {
  return pooling == Pooling::none ? PoolBy::none : pooling == Pooling::avg ? PoolBy::mean : PoolBy::largest;
}

// All but the arrays between the passes. `held` has them of its own, and its counts of dues and chunks are the plan's.
inline Passes passesOf(const Recipe& recipe, const CacheCompression& held, const CompressionPlan& plan) {
  Passes passes;
  CacheCompression cache = held;
  passes.unites = static_cast<bool>(held.own);
  if (passes.unites) {  // each query head is a key-value head to those that choose
    cache.kvHeads = held.heads();
    cache.group = 1;
  }
  passes.shares = recipe.sharedOut;
  passes.ranked = plan.keptRoom > 0;
  passes.counts = passes.ranked && recipe.scoring == Scoring::votes;
  passes.compares = passes.counts && recipe.lambda < 1;
  passes.shuffles = passes.ranked && recipe.shuffled;
  passes.draws = passes.ranked && recipe.drawn;
  passes.widens = passes.ranked && recipe.rangeShare > 0;
  Votes& votes = passes.votes;
  votes.cache = cache;
  votes.causal = recipe.selectors == Selectors::all || recipe.softmax == Domain::row;
  votes.perHead = recipe.modelArithmetic || recipe.sets == Aggregation::head;
  votes.strongest = recipe.strongestOfGroup;
  votes.lastTwice = recipe.lastTwice;
  votes.rounded = recipe.modelArithmetic;
  votes.rowRoom = votes.rowTiles(plan.rows) * 16;
  votes.votesRoom = plan.votesRoom;
  Ranks& ranks = passes.ranks;
  ranks.cache = cache;
  ranks.by = rankBy(recipe);
  ranks.room = plan.votesRoom;
  ranks.lists = votes.lists();
  ranks.ballots = (votes.strongest ? cache.kvHeads : cache.heads()) / cache.sets;
  ranks.pool = poolBy(recipe.pooling);
  ranks.kernel = static_cast<int>(recipe.kernel);
  ranks.byPosition = recipe.neighboursByPosition;
  ranks.paddingCounts = recipe.paddingCounts;
  ranks.rounded = recipe.modelArithmetic;
  ranks.inverted = recipe.inverted;
  ranks.redraw = recipe.redraw;
  ranks.run = static_cast<int>(recipe.run);
  passes.redundancy.ranks = passes.shuffling.ranks = passes.widest.ranks = ranks;
  passes.redundancy.all = recipe.softmax != Domain::candidates;
  passes.redundancy.lambda = recipe.lambda;
  passes.choice.cache = passes.sharing.cache = cache;
  passes.uniting.cache = passes.compaction.cache = held;
  passes.uniting.room = passes.compaction.unitedRoom = plan.heldRoom;
  passes.uniting.keptRoom = plan.keptRoom;
  passes.sharing.room = plan.votesRoom;
  passes.sharing.floorShare = recipe.floorShare;
  passes.choice.room = plan.votesRoom;
  passes.choice.keptRoom = passes.compaction.keptRoom = plan.keptRoom;
  passes.widest.choice = passes.choice;
  passes.widest.choice.share = recipe.rangeShare;
  return passes;
}

// Ranks the candidates of all that is due. False where a recipe or a shape is none that the passes can do.
inline bool rank(Stream stream, const Passes& passes) {
  if (passes.counts && !countVotes(stream, passes.votes)) return false;
  if (passes.ranked && !passes.given && !rankCandidates(stream, passes.ranks)) return false;
  if (passes.compares && !takeOffRedundancy(stream, passes.redundancy)) return false;
  if (passes.shuffles) shuffleRanks(stream, passes.shuffling);
  if (passes.draws) drawRanks(stream, passes.ranks);
  return !passes.widens || raiseWidest(stream, passes.widest);
}

// Compresses all that is due. False likewise.
inline bool compress(Stream stream, const Passes& passes) {
  if (passes.ranks.cache.dues == 0) return true;
  if (!rank(stream, passes)) return false;
  if (passes.shares && !shareOut(stream, passes.sharing)) return false;
  if (passes.ranked) chooseBest(stream, passes.choice);
  if (passes.unites) uniteSets(stream, passes.uniting);
  return compactCaches(stream, passes.compaction);
}

// The passes that note rows of attention, where a recipe has some kept. Their arrays are those of a compression.
struct ObservationPasses {
  Votes votes{};
  Observation observation{};

  // For their arrays' room.
  Passes rooms() const {
    Passes made;
    made.votes = votes;
    made.ranks = observation.ranks;
    made.choice = observation.upperHalf;
    made.counts = true;
    return made;
  }
};

inline ObservationPasses observationOf(const Recipe& recipe, const CacheCompression& cache,
                                       const CompressionPlan& plan) {
  Recipe rows;
  rows.scoring = Scoring::votes;
  rows.sets = recipe.sets;
  rows.queries = plan.rows;
  rows.softmax = Domain::row;
  const Passes passes = passesOf(rows, cache, plan);
  ObservationPasses made;
  made.votes = passes.votes;
  made.observation.ranks = passes.ranks;
  made.observation.upperHalf = passes.choice;
  made.observation.what = recipe.record == Record::mass    ? NoteOf::mass
                          : recipe.record == Record::stamp ? NoteOf::stamp
                                                           : NoteOf::recurrence;
  made.observation.threshold = static_cast<float>(recipe.threshold);
  return made;
}

// False where a shape is none that a pass can do.
inline bool observe(Stream stream, const ObservationPasses& passes) {
  if (!countVotes(stream, passes.votes) || !rankCandidates(stream, passes.observation.ranks)) return false;
  if (passes.observation.what == NoteOf::stamp) chooseBest(stream, passes.observation.upperHalf);
  noteRows(stream, passes.observation);
  return true;
}

}  // namespace pathpress::cuda
