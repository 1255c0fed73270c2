#include "emulator.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "../device.h"

namespace pathpress::cuda {

using namespace emulate;

std::vector<Order> Emulator::orders() {
  using enum Order::Kind;
  return {{forward, 0}, {reverse, 0}, {shuffled, 1}, {shuffled, 2}, {shuffled, 3}};
}

void Emulator::run(const Grid& grid, const std::function<void()>& kernel) {
  if (grid.blocks < 1 || grid.threads < warpLanes || grid.threads > 1024 || grid.threads % warpLanes != 0) {
    throw std::invalid_argument("a launch of " + std::to_string(grid.blocks) + " blocks of " +
                                std::to_string(grid.threads) + " threads");
  }
  Launch launch(faults_, order_, ++launches_, omitted_);
  launch.run(grid.blocks, grid.threads, kernel);
  orderings_ = std::max(orderings_, launch.orderings());
}

Traffic Emulator::traffic() const {
  Traffic all;
  for (const auto& allocation : memory_) {
    const Traffic& one = allocation->meter.traffic;
    all.loaded += one.loaded;
    all.stored += one.stored;
    all.distinct += one.distinct;
    all.operations += one.operations;
  }
  return all;
}

const Traffic& Emulator::traffic(const std::string& name) const {
  for (const auto& allocation : memory_) {
    if (allocation->name == name) return allocation->meter.traffic;
  }
  throw std::invalid_argument("no memory is called " + name);
}

Allocation* Emulator::allocate(const std::string& name, Space space, uint32_t elementBytes, size_t count,
                               const void* values) {
  memory_.push_back(std::make_unique<Allocation>(name, space, elementBytes, count));
  Allocation* made = memory_.back().get();
  if (values) {
    std::memcpy(made->data(), values, made->bytes);
    for (Cell& cell : made->cells) cell.written = true;
  }
  return made;
}

}  // namespace pathpress::cuda
