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

  // As of a GPU with so much memory: an array that finds none throws EngineError OUT_OF_MEMORY.
  void limit(size_t bytes) { limit_ = bytes; }
  size_t freeBytes() const;
  // What was allocated since there were so many arrays is gone.
  size_t arrays() const { return memory_.size(); }
  void release(size_t arrays) { memory_.resize(arrays); }
  // One array alone: its place among the arrays stays.
  template <class T>
  void giveBack(const Global<T>& array) { giveBack(array.allocation()); }
  void wait() {}
  std::string architecture() const { return "emulated"; }

  // As a host does between launches: `values` to an array from element `first` on, `count` elements from there. Throws
  // std::out_of_range; what no one has written reads as it lies there.
  template <class T>
  void write(const Global<T>& to, int64_t first, const std::vector<T>& values);
  template <class T>
  std::vector<T> read(const Global<T>& from, int64_t first, size_t count) const;

  Emulator* stream() { return this; }
  // Launches that a GPU would record under the key at the first call and replay from then on.
  bool replay(int, const std::function<bool()>& launches) { return launches(); }
  // std::invalid_argument where a block is no whole number of warps or holds more than 1024 threads.
  void run(const Grid& grid, const std::function<void()>& kernel, bool early = false);

  // Of its waits for Arrivals the host passes over that one.
  void omitHostWait(int number) { omittedWait_ = number; }
  // When the host waits for an Arrival, and when it reads one that it has not waited for.
  bool passesOverWait() { return hostWaits_++ == omittedWait_; }
  void readTooEarly(const emulate::Site& site, const std::string& what) { faults_.add(emulate::Fault::notAwaited, site, what); }

  const emulate::Faults& faults() const { return faults_; }
  emulate::Traffic traffic() const;  // of all memory
  const emulate::Traffic& traffic(const std::string& name) const;

  int orderings() const { return orderings_; }  // barriers, warpBarriers and waits, the most that a thread had

  // Forward, reverse, and three shuffled.
  static std::vector<emulate::Order> orders();

 private:
  void giveBack(const emulate::Allocation* array);

  emulate::Order order_;
  int omitted_, orderings_ = 0;
  int omittedWait_ = -1, hostWaits_ = 0;
  emulate::Faults faults_;
  uint32_t launches_ = 0;
  uint32_t open_ = 0;  // the last launch that began after the end of those before it
  size_t limit_ = size_t{1} << 40;
  std::vector<std::unique_ptr<emulate::Allocation>> memory_;

  emulate::Allocation* allocate(const std::string& name, emulate::Space space, uint32_t elementBytes, size_t count,
                                const void* values);
  static unsigned char* bytesAt(const emulate::Span& span, uint64_t bytes);
  static void markWritten(const emulate::Span& span, uint64_t bytes);
};

}  // namespace pathpress::cuda
