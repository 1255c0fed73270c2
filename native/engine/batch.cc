// Which rows a step feeds, and which lane runs them: the next token of every sequence that runs, and beside them prompts,
// and what is computed anew after a preemption, in chunks, so that a long prompt holds nobody up for longer than its chunk
// takes.
#include <algorithm>

#include "engine.h"

namespace pathpress {
namespace {

// Weights that stay in the caches that cores share: read by each thread for its own rows they cost less than threads that
// wait for one another at every product.
constexpr size_t smallModel = size_t{16} << 20;

}  // namespace

std::vector<std::unique_ptr<Lane>> Engine::makeLanes() {
  std::vector<std::unique_ptr<Lane>> lanes;
  const bool several = threads_.threads() > 1 && model_->weights.bytes() <= smallModel;
  for (int i = 0; several && i < threads_.threads(); ++i) {
    lanes.push_back(std::make_unique<Lane>(*model_, kernels_, products_, nullptr));
  }
  return lanes;
}

void Engine::collectRows() {
  fed_.clear();
  int left = prefillRows_;
  for (size_t place = 0; place < sequences_.size(); ++place) {
    Sequence& sequence = *sequences_[place];
    const bool known = sequence.knowsNext(), prompt = sequence.prefilling(), bulk = known || prompt;
    if (sequence.parked || sequence.waiting || sequence.asked || (bulk && left == 0)) continue;
    const int count = bulk ? static_cast<int>(std::min<int64_t>(left, sequence.feedable())) : 1;
    if (!makeRoom(place, count)) continue;
    if (bulk) left -= count;
    const int follow = !prompt ? count : sequence.prefilled + count == sequence.progress.prompt ? 1 : 0;
    fed_.push_back({&sequence, count, follow, follow > 0 && !known, prompt});
    if (sequence.forced() && !sequence.ahead) fed_.back().judged = follow;
  }
}

size_t Engine::rowsFed() const {
  size_t rows = 0;
  for (const Fed& fed : fed_) rows += static_cast<size_t>(fed.rows);
  return rows;
}

// Shares the sequences out so that lanes are done at about the same time: the costliest first, each to the lane that has
// least. Returns how many lanes have something to do; one is the lane with all threads.
int Engine::shareOut() {
  whole_.clear();
  if (fed_.size() < 2 * lanes_.size() || lanes_.empty()) {
    for (Fed& fed : fed_) whole_.add(fed);
    return 1;
  }
  const double weights = static_cast<double>(model_->weights.bytes()) / sizeof(float);
  const double entry = 2.0 * shape_.page.dim * model_->config.group();
  costs_.clear();
  for (Fed& fed : fed_) {
    costs_.push_back({fed.rows * (weights + entry * static_cast<double>(fed.sequence->cache.entries())), &fed});
  }
  std::stable_sort(costs_.begin(), costs_.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  loads_.assign(lanes_.size(), 0);
  for (const auto& lane : lanes_) lane->clear();
  for (const auto& [cost, fed] : costs_) {
    const auto least = std::min_element(loads_.begin(), loads_.end());
    *least += cost;
    lanes_[static_cast<size_t>(least - loads_.begin())]->add(*fed);
  }
  return static_cast<int>(lanes_.size());
}

}  // namespace pathpress
