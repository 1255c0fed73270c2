// What some policies make of their candidates' ranks before the best are chosen: native/policies/select.cc on the
// device.
#pragma once

#include "choose.h"
#include "ranks.h"

namespace pathpress::cuda {

// Ranks change places at random within a tenth of the candidates, by age.
struct Shuffling {
  Ranks ranks;
  Global<double> shuffled;  // as ranks.ranks; gets the result
};
void shuffleRanks(Stream stream, const Shuffling& task);

// Ranks become lots: the largest of them are a draw without replacement in proportion to what the ranks were.
void drawRanks(Stream stream, const Ranks& ranks);

// The candidates with the widest values come before all others: `choice.share` of those that stay.
struct Widest {
  Ranks ranks;           // of which some rise
  Choice choice;         // of widths: its ranks are `widths`, its `kept` is room of its own
  Global<double> widths; // as ranks.ranks: largest less smallest channel of a value; the mean of a set's heads
};
// False where the head size is none that it can do.
bool raiseWidest(Stream stream, const Widest& task);

}  // namespace pathpress::cuda
