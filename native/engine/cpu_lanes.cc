// Lanes of the CPU backend: how a step's sequences are shared out among them, and how they run.
#include <algorithm>

#include "clock.h"
#include "cpu_backend.h"
#include "cpu_holding.h"

namespace pathpress {
namespace {

// Sequences a lane from which on lanes of a thread each are quicker: of a small model, whose weights cost nothing to read
// again; of a large one, whose products are then bound by operations though every lane reads all weights.
constexpr size_t fewestOfSmall = 2, fewestOfLarge = 32;

}  // namespace

std::vector<std::unique_ptr<Lane>> CpuBackend::makeLanes() {
  std::vector<std::unique_ptr<Lane>> lanes;
  const bool several = threads_.threads() > 1;
  for (int i = 0; several && i < threads_.threads(); ++i) {
    lanes.push_back(std::make_unique<Lane>(*model_, kernels_, products_, nullptr));
  }
  return lanes;
}

// Shares the sequences out so that lanes are done at about the same time: the costliest first, each to the lane that has
// least. Returns how many lanes have something to do; one is the lane with all threads.
int CpuBackend::shareOut(std::span<Fed> fed) {
  whole_.clear();
  const size_t fewest = model_->small() ? fewestOfSmall : fewestOfLarge;
  if (lanes_.empty() || fed.size() < fewest * lanes_.size()) {
    for (Fed& one : fed) whole_.add(one);
    return 1;
  }
  const double weights = static_cast<double>(model_->weights.bytes() / dtypeBytes(model_->type()));
  const double entry = 2.0 * shape_.page.dim * model_->config.group();
  costs_.clear();
  for (Fed& one : fed) {
    const auto entries = static_cast<double>(cpuHolding(*one.sequence).cache.entries());
    costs_.push_back({one.rows * (weights + entry * entries), &one});
  }
  std::stable_sort(costs_.begin(), costs_.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  loads_.assign(lanes_.size(), 0);
  for (const auto& lane : lanes_) lane->clear();
  for (const auto& [cost, one] : costs_) {
    const auto least = std::min_element(loads_.begin(), loads_.end());
    *least += cost;
    lanes_[static_cast<size_t>(least - loads_.begin())]->add(*one);
  }
  return static_cast<int>(lanes_.size());
}

void CpuBackend::run(std::span<Fed> fed, int) {
  const int lanes = shareOut(fed);
  if (lanes == 1) whole_.run();
  else threads_.run(lanes, false, [&](int lane, int) { lanes_[static_cast<size_t>(lane)]->run(); });
}

// Shares the sequences out so that each stays in its lane, whose thread has its cache near: new ones to the lane of fewest,
// and from the lane of most what was admitted last while it has two more. Returns whether there are enough for lanes.
bool CpuBackend::stayInLanes(std::span<Fed> fed) {
  if (lanes_.empty() || fed.size() < fewestOfSmall * lanes_.size()) return false;
  const auto sequences = [](const std::unique_ptr<Lane>& lane) { return lane->fed().size(); };
  for (const auto& lane : lanes_) lane->clear();
  const auto laneOf = [](const Fed& one) { return cpuHolding(*one.sequence).lane; };
  for (Fed& one : fed) {
    if (laneOf(one) >= 0) lanes_[static_cast<size_t>(laneOf(one))]->add(one);
  }
  for (Fed& one : fed) {
    if (laneOf(one) < 0) (*std::ranges::min_element(lanes_, {}, sequences))->add(one);
  }
  while (true) {
    std::vector<Fed*>& most = (*std::ranges::max_element(lanes_, {}, sequences))->fed();
    std::vector<Fed*>& least = (*std::ranges::min_element(lanes_, {}, sequences))->fed();
    if (most.size() < least.size() + 2) break;
    least.push_back(most.back());
    most.pop_back();
  }
  for (size_t i = 0; i < lanes_.size(); ++i) {
    for (const Fed* const one : lanes_[i]->fed()) cpuHolding(*one->sequence).lane = static_cast<int>(i);
  }
  return true;
}

// A thread takes the same lane each time while none is held up.
bool CpuBackend::runApart(std::span<Fed> fed, const AfterPass& after) {
  if (!model_->small() || !stayInLanes(fed)) return false;
  const int lanes = static_cast<int>(lanes_.size());
  threads_.run(lanes, false, [&](int index, int) {
    Lane& lane = *lanes_[static_cast<size_t>(index)];
    for (bool more = true; more;) {
      const auto start = Clock::now();
      lane.run();
      if (threads_.cancelled()) return;
      more = after({index, lanes, lane.fed(), secondsSince(start)});
    }
  });
  return true;
}

void CpuBackend::cancel() {
  threads_.cancel();  // first: it is what is asked once a lane has left its rows undone
  for (const auto& lane : lanes_) lane->cancel();
}

}  // namespace pathpress
