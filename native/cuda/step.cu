#include "step.h"

#include <cmath>

#include "norm.h"

namespace pathpress::cuda {

namespace {

// The launches of one step in turn, until one of them is refused.
class Launches {
 public:
  Launches(Stream stream, const DecodeStep& step)
      : stream_(stream), step_(step), model_(*step.model), shape_(step.model->shape), work_(step.work),
        rows_{step.slots, step.work.positions, step.work.lengths, step.rows} {}

  bool run() {
    StepStart start;
    start.slots = step_.slots;
    start.offsets = step_.offsets;
    start.tokens = step_.tokens;
    start.sequences = step_.sequences;
    start.embedding = model_.embedding;
    start.positions = work_.positions;
    start.lengths = work_.lengths;
    start.state = work_.state;
    start.hidden = shape_.hidden;
    start.rows = step_.rows;
    if (!startStep(stream_, start)) return false;
    for (int layer = 0; layer < shape_.layers; ++layer) {
      if (!attention(layer) || !mlp(layer)) return false;
    }
    if (step_.logits && !head()) return false;
    drawTokens(stream_, draw());
    return true;
  }

 private:
  const DeviceLayer& layer(int index) const { return model_.layers[static_cast<size_t>(index)]; }

  // What the branch before has left, through the norm behind it where the family has one, and the norm of what follows.
  bool norm(const Global<const Bf16>& behind, const Global<const Bf16>& weight, bool whole = false) {
    ResidualNorm task;
    task.state = work_.state;
    if (behind) {
      task.branch = work_.branch;
      task.branchWeight = behind;
    }
    task.weight = weight;
    task.normed = work_.normed;
    task.hidden = shape_.hidden;
    task.epsilon = shape_.epsilon;
    task.whole = whole;
    return addAndNormalize(stream_, task, step_.rows);
  }

  WeightProduct product(const Global<const Bf16>& weight, const Global<const float>& bias, const Global<Bf16>& input,
                        int rows, int cols) const {
    WeightProduct task;
    task.weight = weight;
    task.bias = bias;
    task.input = input;
    task.rows = rows;
    task.cols = cols;
    task.tokens = step_.rows;
    task.ending = Ending::stored;
    return task;
  }

  // The product that ends a branch: onto the state, or where a norm follows beside it.
  bool branch(const Global<const Bf16>& weight, const Global<const float>& bias, const Global<Bf16>& input, int cols,
              const Global<const Bf16>& behind) {
    WeightProduct task = product(weight, bias, input, shape_.hidden, cols);
    task.out = behind ? work_.branch : work_.state;
    task.ending = behind ? Ending::stored : Ending::added;
    return multiply(stream_, task);
  }

  bool attention(int index) {
    const DeviceLayer& mine = layer(index);
    WeightProduct qkv = product(mine.qkv, mine.qkvBias, work_.normed, shape_.qkvWidth(), shape_.hidden);
    qkv.out = work_.qkv;
    return norm(index > 0 ? layer(index - 1).mlpPostNorm : Global<const Bf16>(), mine.attentionNorm, index == 0) &&
           multiply(stream_, qkv) && prepareHeads(stream_, heads(index)) &&
           (!choosing() || chooseReadSets(stream_, readSets(index))) && attend(stream_, reading(index)) &&
           branch(mine.attentionOutput, mine.attentionOutputBias, work_.mixed, shape_.heads * shape_.dim,
                  mine.attentionPostNorm);
  }

  bool mlp(int index) {
    const DeviceLayer& mine = layer(index);
    WeightProduct gateUp = product(mine.gateUp, mine.gateUpBias, work_.normed, 2 * shape_.intermediate, shape_.hidden);
    gateUp.halves = work_.gated;
    gateUp.ending = Ending::gated;
    return norm(mine.attentionPostNorm, mine.mlpNorm) && multiply(stream_, gateUp) &&
           branch(mine.down, mine.downBias, work_.gated, shape_.intermediate, mine.mlpPostNorm);
  }

  Global<Bf16> pagesOf(int index) const { return step_.pages + index * step_.poolPages * shape_.pageElements(); }

  HeadPreparation heads(int index) const {
    HeadPreparation task;
    task.qkv = work_.qkv;
    task.queryNorm = layer(index).queryNorm;
    task.keyNorm = layer(index).keyNorm;
    task.angles = model_.angles;
    task.query = work_.query;
    task.pages = pagesOf(index);
    task.table = step_.table;
    task.ring = step_.ring;
    const int64_t rows = static_cast<int64_t>(step_.ringSlots) * step_.ring.mostRows;
    if (task.ring.rows) task.ring.rows = task.ring.rows + index * rows * shape_.heads * shape_.dim;
    task.rows = rows_;
    task.heads = shape_.heads;
    task.kvHeads = shape_.kvHeads;
    task.dim = shape_.dim;
    task.pairs = shape_.pairs;
    task.neighbours = shape_.neighbours;
    task.epsilon = shape_.epsilon;
    if (step_.special) task.readings = step_.readings;
    task.uneven = uneven(index);
    return task;
  }

  UnevenHeads uneven(int index) const {
    if (!step_.headPages) return {};
    const int64_t heads = int64_t{index} * step_.ringSlots * shape_.kvHeads;
    UnevenHeads own{step_.headPages + heads * step_.table.width, step_.headLess + heads, {}};
    if (step_.headMasks) own.masks = step_.headMasks + heads * step_.table.width * cachePageEntries;
    return own;
  }

  bool choosing() const { return step_.special && step_.bounds; }

  ReadSets readSets(int index) const {
    ReadSets task;
    task.query = work_.query;
    task.pages = pagesOf(index);
    task.table = step_.table;
    task.rows = rows_;
    task.readings = step_.readings;
    task.orders = work_.orders;
    task.chosen = work_.chosen;
    task.mostChosen = step_.mostChosen;
    task.layer = index;
    task.kvHeads = shape_.kvHeads;
    task.group = shape_.heads / shape_.kvHeads;
    task.dim = shape_.dim;
    task.bounds = step_.bounds + index * task.boundsAt(step_.ringSlots, 0, 0);
    return task;
  }

  DecodeAttention reading(int index) const {
    DecodeAttention task;
    task.query = work_.query;
    task.pages = pagesOf(index);
    task.sums = work_.sums;
    task.tops = work_.tops;
    task.totals = work_.totals;
    task.out = work_.mixed;
    task.table = step_.table;
    task.rows = rows_;
    task.kvHeads = shape_.kvHeads;
    task.group = shape_.heads / shape_.kvHeads;
    task.dim = shape_.dim;
    task.scale = 1.0f / std::sqrt(static_cast<float>(shape_.dim));
    task.reach = step_.reach;
    if (step_.special) task.readings = step_.readings;
    task.turns = {model_.angles, shape_.pairs, shape_.neighbours};
    task.chosen = work_.chosen;
    task.mostChosen = step_.mostChosen;
    task.layer = index;
    task.uneven = uneven(index);
    return task;
  }

  bool head() {
    WeightProduct task = product(model_.output, {}, work_.normed, shape_.logitsWidth(), shape_.hidden);
    task.out = work_.logits;
    return norm(model_.layers.back().mlpPostNorm, model_.finalNorm) && multiply(stream_, task);
  }

  Draw draw() const {
    Draw task;
    task.logits = work_.logits;
    task.wanted = step_.wanted;
    task.options = step_.options;
    task.sequences = step_.sequences;
    task.rows = rows_;
    task.vocab = shape_.vocab;
    task.stride = shape_.logitsWidth();
    return task;
  }

  Stream stream_;
  const DecodeStep& step_;
  const DeviceModel& model_;
  const ModelShape& shape_;
  const StepWork& work_;
  StepRows rows_;
};

}  // namespace

bool runStep(Stream stream, const DecodeStep& step) { return Launches(stream, step).run(); }

}  // namespace pathpress::cuda
