// What is noted of rows of attention for policies that score by it: native/engine/attention_record.h on the device. The
// rows' votes and ranks come first (votes.h, ranks.h), and for stamps the larger half of them (choose.h).
#pragma once

#include "choose.h"
#include "ranks.h"

namespace pathpress::cuda {

enum class NoteOf : int {
  mass,        // the sum of all rows' weights so far; of one or more rows at once
  stamp,       // the last row that had the entry in its upper half, its own where none had; of one row
  recurrence,  // the last row that gave it more than a threshold, and the longest time between two such; of one row
};

struct Observation {
  Ranks ranks;        // of every entry: what the rows give it
  Choice upperHalf;   // for stamps
  NoteOf what;
  float threshold;
  Global<float> mass;  // (layers, slots, sets, capacity) each
  Global<int> stamps, gaps;
};

// The newest `rows` entries of each due are new: they begin with these rows.
void noteRows(Stream stream, const Observation& task);

}  // namespace pathpress::cuda
