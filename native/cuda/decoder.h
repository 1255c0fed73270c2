// The host's side of decoding: which sequence has which slot and pages, which rows a step has. It writes the device's
// arrays where that changes, and nothing while the same sequences decode on.
#pragma once

#include <string>
#include <vector>

#include "step.h"
#include "uneven_pages.h"

namespace pathpress::cuda {

// Rows for steps of so many sequences: one for each and more for those that bring several. A step's arrays grow with it.
inline int rowsOfSteps(int slots) { return slots <= 32 ? 64 : slots <= 64 ? 128 : maxProductTokens; }

struct DecoderLimits {
  int slots;          // sequences at a time
  int rows;           // of a step, at most: 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192 or 256
  int sequencePages;  // of a sequence's cache, of 32 entries each
  int poolPages;      // of all sequences' caches, at most: as many as the device has memory for
  int positions;      // true positions lie below; the model's angles have so many
  int ringRows;       // query rows that a sequence keeps of a layer; 0: none
  int readHalves = 0;   // Reading::halves, at most
  bool uneven = false;  // whether heads of a sequence may hold entries of their own number
  bool ownSets = false;  // and query heads keep sets of their own
  double sparedBytes = 0;  // that pages leave to compressions
};

// Of the memory that is left, pages leave a part to the driver, and to compressions of many sequences at once.
constexpr double poolShare = 32.0 / 31;  // all over theirs

class Decoder {
 public:
  // A row of a step: the token, -1 for what its sequence drew last, and whether a token is drawn from it.
  struct Row {
    int slot;
    int token;
    bool draws;
  };
  // Query rows that a policy wants kept: those at positions [from, until), which take `turns` places in turn.
  struct KeptRows {
    int turns = 0, from = 0, until = 0;
  };

  Decoder(Device& device, DeviceModel model, const DecoderLimits& limits);

  // Bytes of what a step works on.
  static double workBytes(const DeviceModel& model, const DecoderLimits& limits);

  // A sequence begins in a slot that is free, without entries.
  void begin(int slot, const DrawOptions& options, const KeptRows& kept, const Reading& reading = {});
  // Its pages are free again.
  void end(int slot);
  // Pages for so many entries. False, and nothing is taken, where the pool or the sequence's table has no room.
  bool reserve(int slot, int entries);

  // Of its entries only the first so many are left, as compactCaches says to the device; its last pages are free again.
  void shorten(int slot, int entries);
  // Likewise without its last so many, as if their rows had not been.
  void cut(int slot, int entries);

  // Of its entries each head is left as many as `counts` (layers, kvHeads) says, at the front of its own pages; what lies
  // in pages that go back to the pool moves. From then on heads have pages of their own, whatever the counts.
  void shareOut(int slot, const std::vector<int>& counts);
  bool uneven(int slot) const { return read_[static_cast<size_t>(slot)].uneven != 0; }
  // Entries that each head has less than the longest, (layers, kvHeads); none of a sequence that is even.
  std::vector<int> less(int slot) const;

  // One step; rows of one sequence stand together, in order, and each has an entry reserved. With `logits` every row's
  // are there, whether it draws or not. False where the model has a shape that a kernel cannot do.
  bool run(const std::vector<Row>& rows, bool logits = false);

  // Which of its random numbers the sequence draws its next token by; the first one where nobody says so.
  void drawFrom(int slot, int number);

  // What the last step drew sets out for the host, which may give the device another step meanwhile: as that of `turn`, 0
  // or 1, until one sets out for it again.
  void sendDrawn(int turn, bool entropies = false);
  // Until it is there.
  void awaitDrawn(int turn, bool entropies = false);
  // The token that the slot's sequence had then drawn last; -1 where the logits were no numbers.
  int drawn(int turn, int slot) const { return arrivals_[turn].drawn[static_cast<size_t>(slot)]; }
  // In bits, of what it was drawn from, where they were sent and its DrawOptions ask for them.
  float entropy(int turn, int slot) const { return arrivals_[turn].entropies[static_cast<size_t>(slot)]; }

  // The token that the sequence drew last, when all is done.
  int drawn(int slot) const;
  // Of row i of the last step, (vocab).
  std::vector<float> logits(int row) const;

  // Keys of a sequence's entries [first, first + count), (count, dim).
  std::vector<float> keys(int layer, int slot, int kvHead, int first, int count) const;

  int entries(int slot) const { return entries_[static_cast<size_t>(slot)]; }
  const std::vector<int>& pages(int slot) const { return pages_[static_cast<size_t>(slot)]; }
  int freePages() const { return static_cast<int>(free_.size()); }
  const DecoderLimits& limits() const { return limits_; }
  const DecodeStep& step() const { return step_; }

 private:
  Device& device_;
  DeviceModel model_;
  DecoderLimits limits_;
  DecodeStep step_;
  // What the host may write of what the step reads.
  Global<int> slots_, offsets_, tokens_, wanted_, table_, ringTurns_, ringFrom_, ringUntil_;
  Global<DrawOptions> options_;
  Global<Reading> readings_;
  std::vector<int> free_;                // pages
  std::vector<std::vector<int>> pages_;  // of each slot
  std::vector<int> entries_;             // of each slot
  std::vector<Reading> read_;            // how, of each slot
  std::vector<UnevenPages> uneven_;      // of each slot that is
  Global<int> headPages_, headLess_;     // of UnevenHeads, of all layers
  Global<PageMove> moves_;
  Global<PageNote> notes_;
  std::vector<PageNote> noted_;          // pages of heads that the device is yet to be told of
  std::vector<char> unsettled_;          // slots that they are of
  std::vector<int> written_[4];          // slots, offsets, tokens and wanted, as they lie on the device
  struct Drawn {
    Arrival<int> drawn;
    Arrival<float> entropies;
  };
  Drawn arrivals_[2];  // of turns

  void free(int slot, int pages);
  bool reserveUneven(int slot, int entries);
  void settlePages();
  void writeHeads(int slot, const UnevenPages& own);
  template <class Array>
  static void eachOfWork(const DeviceModel& model, const DecoderLimits& limits, StepWork& work, const Array& array);
  void allocateWork();
  void allocateSequences();
  void allocatePool();
};

}  // namespace pathpress::cuda
