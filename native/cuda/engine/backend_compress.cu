// What the CUDA backend does between its steps.
#include <algorithm>

#include "../../engine/sequence.h"
#include "backend.h"
#include "holding.h"

namespace pathpress::cuda {

void CudaBackend::compress(std::span<Sequence* const> due, const std::vector<std::vector<float>>*) {
  std::vector<Sequence*> left(due.begin(), due.end());
  while (!left.empty()) {
    std::vector<Sequence*> alike;
    const PolicyOptions& policy = left[0]->request.policy;
    std::erase_if(left, [&](Sequence* one) {
      if (one->request.policy != policy) return false;
      alike.push_back(one);
      return true;
    });
    compressAlike(alike);
  }
  device_->wait();  // so that its time is not taken for a step's
}

void CudaBackend::compressAlike(const std::vector<Sequence*>& due) {
  std::vector<Compressed> jobs;
  for (const Sequence* const one : due) {
    const CudaHolding& holding = cudaHolding(*one);
    jobs.push_back({{holding.slot, holding.count, holding.settled, holding.ring(), one->progress,
                     one->policy->keep(one->progress)},
                    lotOf(one->request.lotSeed(), one->request.stream)});
  }
  const std::vector<int> left = compressor_->compress(*decoder_, due[0]->recipe, jobs);
  for (size_t i = 0; i < due.size(); ++i) settle(*due[i], left[i]);
}

// Where all stay nothing was touched, nor listed.
void CudaBackend::settle(Sequence& sequence, int left) {
  CudaHolding& holding = cudaHolding(sequence);
  const int before = std::exchange(holding.count, left);
  if (left < before) holding.settled = left;
  for (int layer = 0; sequence.request.trace && layer < weights_.shape.layers; ++layer) {
    for (int set = 0; set < compressor_->setsOf(sequence.recipe); ++set) {
      sequence.result.trace.push_back(keptOf(sequence, layer, set));
    }
  }
  sequence.afterCompression({sequence.progress.written, before, left});
}

KeptPositions CudaBackend::keptOf(const Sequence& sequence, int layer, int set) const {
  const CudaHolding& holding = cudaHolding(sequence);
  const Recipe& recipe = sequence.recipe;
  const bool whole = recipe.sets == Aggregation::layer;
  KeptPositions kept{sequence.progress.written, layer, whole ? -1 : set, {}, {}};
  const std::vector<int> listed = compressor_->positions(recipe, layer, holding.slot, set, holding.settled);
  kept.positions.assign(listed.begin(), listed.end());
  const int end = sequence.position(0);
  for (int entry = holding.settled; entry < holding.count; ++entry) kept.positions.push_back(end - holding.count + entry);
  kept.mass = compressor_->mass(recipe, layer, holding.slot, set, holding.count);
  return kept;
}

}  // namespace pathpress::cuda
