// A decode step of a whole model: what is launched, in which order. Nothing of a step lies on the host: all that changes
// from one to the next is in device arrays, so that the launches are the same ones again, as a graph wants them.
#pragma once

#include <vector>

#include "attention.h"
#include "embed.h"
#include "heads.h"
#include "product.h"
#include "read_sets.h"
#include "sample.h"
#include "shape.h"

namespace pathpress::cuda {

// Matrices are packed (packWeights); what a family does not have is null.
struct DeviceLayer {
  Global<const Bf16> attentionNorm, mlpNorm;          // (hidden)
  Global<const Bf16> attentionPostNorm, mlpPostNorm;  // (hidden)
  Global<const Bf16> queryNorm, keyNorm;              // (dim)
  Global<const Bf16> qkv;                             // (qkvWidth, hidden)
  Global<const Bf16> attentionOutput;                 // (hidden, heads · dim)
  Global<const Bf16> gateUp;                          // (2 · intermediate, hidden), dealt out (dealGated)
  Global<const Bf16> down;                            // (hidden, intermediate)
  Global<const float> qkvBias, attentionOutputBias, gateUpBias, downBias;  // as their matrices' rows
};

struct DeviceModel {
  ModelShape shape;
  std::vector<DeviceLayer> layers;
  Global<const Bf16> embedding, output;  // (vocab, hidden); the same where tied
  Global<const Bf16> finalNorm;          // (hidden)
  Global<const float> angles;            // (positions, pairs, 2): cosine and sine
};

// What a step writes and reads again; of `rows` rows.
struct StepWork {
  Global<int> positions, lengths;    // (rows)
  Global<float> state;               // (rows, hidden)
  Global<Bf16> normed;               // (rows, hidden) as inputAt (product.h) has them
  Global<float> qkv;                 // (rows, qkvWidth)
  Global<Bf16> query;                // (rows, heads · dim)
  Global<Bf16> mixed;                // (rows, heads · dim) as inputAt has them
  Global<float> sums, tops, totals;  // of DecodeAttention
  Global<uint32_t> orders;           // of ReadSets, as `chosen`; null where no sequence has any
  Global<int> chosen;
  Global<float> branch;              // (rows, hidden), of families with norms behind their branches
  Global<Bf16> gated;                // (rows, intermediate) as inputAt has them
  Global<float> logits;              // (rows, logitsWidth)
};

struct DecodeStep {
  const DeviceModel* model;
  StepWork work;
  // The rows, as the host made them; see StepStart and Draw.
  Global<const int> slots, offsets, tokens, wanted;  // (rows)
  Global<const DrawOptions> options;                 // (slots)
  SequenceState sequences;
  // The cache: one table for all layers, whose pages lie one after the other.
  PageTable table;
  Global<Bf16> pages;  // (layers, pool, kvHeads, 2 · 32 · dim)
  int64_t poolPages;
  Global<const Reading> readings;  // (slots)
  Global<Bf16> bounds;             // of ReadSets, one layer's after the other
  int mostChosen;
  Global<const int> headPages, headLess;  // of UnevenHeads, one layer's after the other; null where no sequence is uneven
  Global<uint16_t> headMasks;
  QueryRing ring;  // its rows (layers, slots, mostRows, heads · dim)
  int ringSlots;
  int rows;     // 1 to maxProductTokens
  int reach;    // as in DecodeAttention
  bool logits;  // whether any row draws a token
  bool special;  // whether any row's reading is not plain
};

// False where the model has a shape that a kernel cannot do; what was launched until then has no meaning.
bool runStep(Stream stream, const DecodeStep& step);

}  // namespace pathpress::cuda
