// What the CUDA backend does between its steps.
#include <algorithm>

#include "../../engine/sequence.h"
#include "backend.h"
#include "holding.h"

namespace pathpress::cuda {

namespace {

Compressed jobOf(const Sequence& sequence) {
  const CudaHolding& holding = cudaHolding(sequence);
  return {{holding.slot, holding.setCount(), holding.settled, holding.ring(), sequence.progress,
           sequence.policy->keep(sequence.progress), holding.kvHeads(), holding.count},
          lotOf(sequence.request.lotSeed(), sequence.request.stream)};
}

}  // namespace

void CudaBackend::compress(std::span<Sequence* const> due, const std::vector<std::vector<float>>* scores) {
  std::vector<Sequence*> left(due.begin(), due.end());
  while (!left.empty()) {
    std::vector<Sequence*> alike;
    const PolicyOptions& policy = left[0]->request.policy;
    std::erase_if(left, [&](Sequence* one) {
      if (one->request.policy != policy) return false;
      alike.push_back(one);
      return true;
    });
    compressAlike(alike, scores);
  }
  device_->wait();  // so that its time is not taken for a step's
}

void CudaBackend::compressAlike(const std::vector<Sequence*>& due, const std::vector<std::vector<float>>* scores) {
  std::vector<Compressed> jobs;
  for (const Sequence* const one : due) jobs.push_back(jobOf(*one));
  compressor_->compress(*decoder_, due[0]->recipe, jobs, scores);
  for (size_t i = 0; i < due.size(); ++i) settle(*due[i], leftOf(jobs[i].due));
}

void CudaBackend::settle(Sequence& sequence, int left) {
  CudaHolding& holding = cudaHolding(sequence);
  const int before = holding.setCount(), after = holding.settle(left);
  for (int layer = 0; sequence.request.trace && layer < weights_.shape.layers; ++layer) {
    for (int set = 0; set < compressor_->setsOf(sequence.recipe); ++set) {
      sequence.result.trace.push_back(keptOf(sequence, layer, set));
    }
  }
  sequence.afterCompression({sequence.progress.written, before, after});
}

std::vector<int32_t> CudaBackend::positionsOf(const Sequence& sequence, int layer, int set) const {
  const CudaHolding& holding = cudaHolding(sequence);
  const int less = sequence.recipe.sets == Aggregation::group ? holding.less(layer, set) : 0;
  const int settled = std::max(0, holding.settled - less), count = holding.setCount() - less;
  const std::vector<int> listed = compressor_->positions(sequence.recipe, layer, holding.slot, set, settled);
  std::vector<int32_t> positions(listed.begin(), listed.end());
  const int end = sequence.position(0);
  for (int entry = settled; entry < count; ++entry) positions.push_back(end - count + entry);
  return positions;
}

KeptPositions CudaBackend::keptOf(const Sequence& sequence, int layer, int set) const {
  const CudaHolding& holding = cudaHolding(sequence);
  const bool whole = sequence.recipe.sets == Aggregation::layer;
  return {sequence.progress.written, layer, whole ? -1 : set, positionsOf(sequence, layer, set),
          compressor_->mass(sequence.recipe, layer, holding.slot, set, holding.count)};
}

std::vector<std::vector<Ballot>> CudaBackend::ballots(Sequence& sequence) {
  const Compressed job = jobOf(sequence);
  const auto ranks = compressor_->ranks(*decoder_, sequence.recipe, job);
  const int sets = compressor_->setsOf(sequence.recipe), heads = weights_.shape.kvHeads / sets;
  const auto first = static_cast<int>(std::min<int64_t>(job.due.keep.pinned, job.due.length));
  std::vector<std::vector<Ballot>> layers(static_cast<size_t>(weights_.shape.layers));
  for (size_t i = 0; i < ranks.size(); ++i) {
    const int layer = static_cast<int>(i) / sets, set = static_cast<int>(i) % sets;
    const auto count = static_cast<int>(ranks[i].size());
    Ballot& ballot = layers[static_cast<size_t>(layer)].emplace_back();
    ballot.layer = layer;
    ballot.head = sequence.recipe.sets == Aggregation::layer ? -1 : set;
    ballot.stay = job.due.keep.scored;
    const std::vector<int32_t> positions = positionsOf(sequence, layer, set);
    ballot.positions.assign(positions.begin() + first, positions.begin() + first + count);
    ballot.votes = ranks[i];
    for (int head = set * heads; sequence.request.scoreKeys && head < (set + 1) * heads; ++head) {
      const std::vector<float> keys = decoder_->keys(layer, job.due.slot, head, first, count);
      ballot.keys.insert(ballot.keys.end(), keys.begin(), keys.end());
    }
  }
  return layers;
}

}  // namespace pathpress::cuda
