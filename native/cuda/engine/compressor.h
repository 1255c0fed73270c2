// Compressions of a decoder's sequences, and what is noted of their entries, by the passes of their policies' recipes.
#pragma once

#include <limits>

#include "../../engine/backend.h"
#include "../decoder.h"
#include "../passes.h"
#include "room.h"

namespace pathpress::cuda {

// What is noted of the entries of sets of one kind (one a layer, a key-value head, or a query head): (layers, slots, sets,
// capacity) each, null where no policy asks for it.
struct EntryNotes {
  int sets = 0;
  Global<int> positions;
  Global<int> members;  // OwnSets
  Global<float> mass;
  Global<int> stamps, gaps;
};

// Of a sequence that is compressed or watched.
struct Compressed {
  DueSequence due;
  uint64_t lot;  // lotOf()
};

class Compressor {
 public:
  // With room for `slots` sequences of `pages` pages and the notes that `demand` asks for; before the decoder, which takes
  // what memory is left. Throws EngineError OUT_OF_MEMORY.
  Compressor(Device& device, const ModelShape& shape, const Demand& demand, int slots, int pages);

  // Bytes that compressing one sequence, or noting its rows, takes at most between the passes: `progress` at its end, with so
  // many entries in each set, and in its longest key-value head.
  static double roomBytes(const ModelShape& shape, const Recipe& recipe, const Progress& progress, int entries, int held);

  // Compresses sequences of one recipe, together as far as memory allows. The decoder is told how many entries each has
  // then. Throws EngineError OUT_OF_MEMORY.
  // With `scores`, one list a set, layer by layer, of the candidates of one sequence.
  void compress(Decoder& decoder, const Recipe& recipe, const std::vector<Compressed>& sequences,
                const std::vector<std::vector<float>>* scores = nullptr);

  // What the candidates of a sequence's sets would be compared by, layer by layer; none where all stay.
  std::vector<std::vector<float>> ranks(const Decoder& decoder, const Recipe& recipe, const Compressed& sequence);

  // The passes of a plan, with arrays to work on, ready to be launched; `lots` of its dues in order. Throws EngineError
  // OUT_OF_MEMORY.
  Passes passesOn(const Decoder& decoder, const Recipe& recipe, const CompressionPlan& plan,
                  const std::vector<uint64_t>& lots, const std::vector<std::vector<float>>* scores = nullptr);

  // Notes the rows of the last step, the newest of each sequence, one after the other as the CPU engine does.
  void observe(const Decoder& decoder, const Recipe& recipe, const std::vector<ObservedSequence>& sequences);

  // What is noted of attention to a slot's first so many entries starts anew.
  void resum(const Recipe& recipe, int slot, int count);

  // Of a set's first so many entries; mass where it is noted, else empty.
  std::vector<int> positions(const Recipe& recipe, int layer, int slot, int set, int count) const;
  std::vector<float> mass(const Recipe& recipe, int layer, int slot, int set, int count) const;

  int setsOf(const Recipe& recipe) const { return notesBy(recipe.sets).sets; }

 private:
  const EntryNotes& notesBy(Aggregation sets) const { return notes_[static_cast<size_t>(sets)]; }
  EntryNotes notesOf(const Recipe& recipe) const;
  void settle(Decoder& decoder, const CompressionPlan& plan, const Passes& passes) const;
  int64_t noteAt(const EntryNotes& notes, int layer, int slot, int set) const;
  CacheCompression cacheOf(const Decoder& decoder, const Recipe& recipe, const CompressionPlan& plan);
  void together(Decoder& decoder, const Recipe& recipe, const Compressed* first, size_t count,
                const std::vector<std::vector<float>>* scores);
  void observeTogether(const Decoder& decoder, const Recipe& recipe, const std::vector<ObservedSequence>& rows);
  // What votes are counted of, and with room for them.
  void giveRooms(Votes& votes, const Passes& rooms, const Decoder& decoder);
  template <class Part>
  void inParts(size_t count, const Part& part);
  void giveBackRooms();

  Device& device_;
  ModelShape shape_;
  int slots_, capacity_;
  size_t atOnce_ = std::numeric_limits<size_t>::max();  // sequences that memory has had room for
  EntryNotes notes_[3];  // of Aggregation
  Room<Due> due_{"due"};
  Room<Chunk> chunks_{"chunks"};
  Room<uint64_t> lots_{"lots"};
  Room<float> parts_{"parts"}, totals_{"totals"}, votes_{"votes"}, scales_{"scales"}, sums_{"sums"};
  Room<double> ranks_{"ranks"}, shuffled_{"shuffled"}, widths_{"widths"};
  Room<int> kept_{"kept"}, widest_{"widest"}, shares_{"shares"};
  Room<int> marks_{"marks"}, united_{"united"}, unitedCounts_{"united counts"};
  Room<unsigned long long> dropped_{"dropped"};
};

}  // namespace pathpress::cuda
