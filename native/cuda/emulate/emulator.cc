#include "emulator.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "../../engine/errors.h"
#include "../device.h"

namespace pathpress::cuda {

using namespace emulate;

std::vector<Order> Emulator::orders() {
  using enum Order::Kind;
  return {{forward, 0}, {reverse, 0}, {shuffled, 1}, {shuffled, 2}, {shuffled, 3}};
}

void Emulator::run(const Grid& grid, const std::function<void()>& kernel, bool early) {
  if (grid.blocks < 1 || grid.threads < warpLanes || grid.threads > 1024 || grid.threads % warpLanes != 0) {
    throw std::invalid_argument("a launch of " + std::to_string(grid.blocks) + " blocks of " +
                                std::to_string(grid.threads) + " threads");
  }
  ++launches_;
  if (!early) open_ = launches_;
  Launch launch(faults_, order_, launches_, omitted_, open_);
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

size_t Emulator::freeBytes() const {
  size_t held = 0;
  for (const auto& allocation : memory_) held += allocation->bytes;
  return limit_ - std::min(limit_, held);
}

Allocation* Emulator::allocate(const std::string& name, Space space, uint32_t elementBytes, size_t count,
                               const void* values) {
  if (count > freeBytes() / elementBytes) {
    throw EngineError("OUT_OF_MEMORY", name + " needs " + std::to_string(count * elementBytes) + " bytes; " +
                                           std::to_string(freeBytes()) + " are free");
  }
  memory_.push_back(std::make_unique<Allocation>(name, space, elementBytes, count));
  Allocation* made = memory_.back().get();
  if (values) {
    std::memcpy(made->data(), values, made->bytes);
    for (Cell& cell : made->cells) cell.written = true;
  }
  return made;
}

void Emulator::giveBack(const Allocation* array) {
  const auto at = std::find_if(memory_.begin(), memory_.end(), [array](const auto& one) { return one.get() == array; });
  *at = std::make_unique<Allocation>((*at)->name + ", given back", Space::global, 1, 0);
}

unsigned char* Emulator::bytesAt(const Span& span, uint64_t bytes) {
  if (span.offset < 0 || static_cast<uint64_t>(span.offset) + bytes > span.allocation->bytes) {
    throw std::out_of_range(std::to_string(bytes) + " bytes at " + std::to_string(span.offset) + " of " +
                            span.allocation->name);
  }
  return span.allocation->data() + span.offset;
}

void Emulator::markWritten(const Span& span, uint64_t bytes) {
  const uint64_t first = static_cast<uint64_t>(span.offset) / span.allocation->cellBytes;
  for (uint64_t i = 0; i < bytes / span.allocation->cellBytes; ++i) {
    span.allocation->cells[first + i].written = true;
    span.allocation->cells[first + i].writtenIn = 0;
  }
}

}  // namespace pathpress::cuda
