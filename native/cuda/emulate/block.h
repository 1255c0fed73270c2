// One launch: blocks one after another, the threads of a block as fibers that switch at barriers and warp operations.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "faults.h"
#include "fiber.h"
#include "memory.h"

namespace pathpress::cuda::emulate {

// Which of the threads that could run does. Shuffled orders are drawn anew at each barrier.
struct Order {
  enum class Kind : uint8_t { forward, reverse, shuffled } kind;
  uint64_t seed = 0;
};

constexpr int warpLanes = 32;
using Operand = std::array<uint32_t, 8>;          // what a lane brings to a warp operation
using Operands = std::array<Operand, warpLanes>;

struct PendingCopy {
  Span to;
  std::vector<unsigned char> data;
  Site site;
};

struct Thread {
  enum class State : uint8_t { ready, atBarrier, atWarp, done } state = State::ready;
  Site site;  // where it waits
  uint32_t turn = 0;    // warp operations so far
  int orderings = 0;    // barriers, warpBarriers and waits so far
  bool awaited = false;  // the end of earlier launches
  std::vector<PendingCopy> open;
  std::vector<std::vector<PendingCopy>> groups;
};

struct Warp {
  int waiting = 0;
  Site meeting;  // where the first of them waits
  uint32_t epoch = 0;
  Operands operands[2];  // by turn, since a lane may bring the next one's before another has read this one's
  WarpLog log;           // flushed at a block's end: its memory serves the next one

  void begin() { waiting = 0, epoch = 0; }
};

class Launch {
 public:
  // Every thread passes over its `omitted`-th barrier, warpBarrier or wait, as if it were not there.
  // Launches from number `open` on, of which this may be one, may run beside each other, until a thread awaits the end of
  // those before its own.
  Launch(Faults& faults, Order order, uint32_t number, int omitted, uint32_t open)
      : faults_(faults), order_(order), number_(number), omitted_(omitted), open_(open), random_(order.seed) {}

  // `kernel` is run by every thread of every block. False where a block could not end.
  bool run(int blocks, int threads, const std::function<void()>& kernel);

  // Of the thread that runs.
  int block() const { return block_; }
  int blocks() const { return blocks_; }
  int thread() const { return thread_; }
  int threads() const { return static_cast<int>(threads_.size()); }
  void barrier(const Site& site);
  void warpBarrier(const Site& site);
  void wait(size_t groups);
  void awaitEarlier();
  bool mayBeEarly() { return open_ < number_ && !self().awaited; }  // for what launches write
  bool mayStillRun(uint32_t launch) const { return launch != 0 && launch >= open_; }  // 0: the host
  const Operands& exchange(const Operand& mine, const Site& site, bool ordersMemory = false);
  Allocation* sharedArray(const char* name, uint32_t elementBytes, uint64_t count, const Site& site);

  Party party() const;
  uint32_t generation(Space space) const { return space == Space::shared ? blockRun_ : number_; }
  Thread& self() { return threads_[static_cast<size_t>(thread_)]; }
  WarpLog& log() { return warps_[static_cast<size_t>(thread_ / warpLanes)].log; }
  void fault(Fault kind, const Site& site, const std::string& what);
  void entry();
  int orderings() const { return orderings_; }  // at most, of a thread

 private:
  Faults& faults_;
  Order order_;
  uint32_t number_;        // of this launch
  int omitted_, orderings_ = 0;
  uint32_t open_;
  uint32_t blockRun_ = 0;  // of the block, within the launch
  std::mt19937_64 random_;
  int blocks_ = 0, block_ = 0, thread_ = 0;
  uint32_t epoch_ = 0;
  const std::function<void()>* kernel_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<int> sequence_;
  std::map<std::pair<uint32_t, const char*>, std::unique_ptr<Allocation>> shared_;

  bool runBlock();
  bool omitsNext();
  void drawSequence();
  bool releaseBarrier();
  void switchOut(Thread::State state, const Site& site);
};

Launch& current();  // the launch under way

}  // namespace pathpress::cuda::emulate
