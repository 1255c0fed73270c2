// How a step begins: what its rows are, and their tokens' embeddings as the state that the layers work on.
#pragma once

#include "rows.h"

namespace pathpress::cuda {

struct StepStart {
  Global<const int> slots;       // (rows), as in StepRows
  Global<const int> offsets;     // (rows): rows of the same sequence before this one
  Global<const int> tokens;      // (rows): ids, or -1: what its sequence drew last
  SequenceState sequences;
  Global<const Bf16> embedding;  // packed (packWeights), so that a tied output is the same array
  Global<int> positions, lengths;  // (rows); get what StepRows has
  Global<float> state;             // (rows, hidden); gets the embeddings, zeros of a row that is nobody's
  int hidden;                      // a multiple of 4
  int rows;
};

// False where `hidden` is none that the kernel can do.
bool startStep(Stream stream, const StepStart& task);

}  // namespace pathpress::cuda
