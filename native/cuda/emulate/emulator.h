// The device that a test holds: memory, launches in one order of threads, and what was seen while they ran.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "block.h"

namespace pathpress::cuda {

struct Grid;
template <class T>
class Global;

class Emulator {
 public:
  // `omitted`: the barrier, warpBarrier or wait that every thread of a launch passes over; -1 none.
  explicit Emulator(emulate::Order order, int omitted = -1) : order_(order), omitted_(omitted) {}

  template <class T>
  Global<const T> input(const std::string& name, const std::vector<T>& values);
  template <class T>
  Global<T> array(const std::string& name, const std::vector<T>& values);
  template <class T>
  Global<T> unwritten(const std::string& name, size_t count);
  template <class T>
  std::vector<T> values(const Global<T>& array) const;

  // std::invalid_argument where a block is no whole number of warps or holds more than 1024 threads.
  void run(const Grid& grid, const std::function<void()>& kernel);

  const emulate::Faults& faults() const { return faults_; }
  emulate::Traffic traffic() const;  // of all memory
  const emulate::Traffic& traffic(const std::string& name) const;

  int orderings() const { return orderings_; }  // barriers, warpBarriers and waits, the most that a thread had

  // Forward, reverse, and three shuffled.
  static std::vector<emulate::Order> orders();

 private:
  emulate::Order order_;
  int omitted_, orderings_ = 0;
  emulate::Faults faults_;
  uint32_t launches_ = 0;
  std::vector<std::unique_ptr<emulate::Allocation>> memory_;

  emulate::Allocation* allocate(const std::string& name, emulate::Space space, uint32_t elementBytes, size_t count,
                                const void* values);
};

}  // namespace pathpress::cuda
