// How a step ends: the next token of each sequence, drawn as the CPU engine's sampler does, and its place moved on.
#pragma once

#include "rows.h"

namespace pathpress::cuda {

// A request's Sampling and stream; the same meaning, order of filters and random numbers as in engine/sampler.h.
struct DrawOptions {
  double temperature;  // 0: the largest logit, the lowest id on ties
  double topP;         // 1 is off
  double minP;         // 0 is off
  uint64_t seed;
  int32_t stream[2];
  int32_t topK;  // 0 is off
  int32_t entropies = 0;  // 1 where each token's entropy is asked for
};

struct Draw {
  Global<const float> logits;         // (rows, stride)
  Global<const int> wanted;           // (rows): 1 where the row's sequence draws a token
  Global<const DrawOptions> options;  // (slots)
  SequenceState sequences;            // drawn and draws of those that draw; positions and entries of all move on
  StepRows rows;
  int vocab;
  int stride;  // a multiple of 4, at least vocab
};

// Weights are counted in steps of 2^-bits of the largest and summed as whole numbers, so that no order shows: a token is
// the CPU engine's unless the random number falls closer to a boundary between two than the roundings of a sum.
void drawTokens(Stream stream, const Draw& task);

}  // namespace pathpress::cuda
