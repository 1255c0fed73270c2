#include "block.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pathpress::cuda::emulate {
namespace {

Launch* running = nullptr;

Fibers& fibers() {
  static Fibers all;
  return all;
}

void enterThread() { running->entry(); }

std::string place(const Site& site) { return "line " + std::to_string(site.line()); }

}  // namespace

Launch& current() { return *running; }

void Launch::fault(Fault kind, const Site& site, const std::string& what) {
  faults_.add(kind, site, "block " + std::to_string(block_) + ", thread " + std::to_string(thread_) + ": " + what);
}

Party Launch::party() const {
  return {block_, thread_, epoch_, warps_[static_cast<size_t>(thread_ / warpLanes)].epoch};
}

bool Launch::run(int blocks, int threads, const std::function<void()>& kernel) {
  Launch* before = std::exchange(running, this);
  kernel_ = &kernel;
  blocks_ = blocks;
  bool ended = true;
  std::vector<int> turns(static_cast<size_t>(blocks));
  std::iota(turns.begin(), turns.end(), 0);
  if (order_.kind == Order::Kind::reverse) std::reverse(turns.begin(), turns.end());
  if (order_.kind == Order::Kind::shuffled) std::shuffle(turns.begin(), turns.end(), random_);
  for (const int block : turns) {
    block_ = block;
    ++blockRun_;
    epoch_ = 0;
    threads_.assign(static_cast<size_t>(threads), Thread());
    warps_.resize(static_cast<size_t>((threads + warpLanes - 1) / warpLanes));
    for (Warp& warp : warps_) warp.begin();
    for (auto& [site, array] : shared_) array->forget();
    fibers().start(threads_.size(), enterThread);
    ended = runBlock() && ended;
    for (Warp& warp : warps_) warp.log.flush(number_);
  }
  running = before;
  return ended;
}

void Launch::entry() {
  (*kernel_)();
  awaitGroups(0);
  if (mayBeEarly()) fault(Fault::early, Site::current(), "ends, so that a later launch may begin");
  switchOut(Thread::State::done, Site::current());
}

void Launch::switchOut(Thread::State state, const Site& site) {
  Thread& thread = self();
  thread.state = state;
  thread.site = site;
  fibers().leave(static_cast<size_t>(thread_));
}

void Launch::drawSequence() {
  sequence_.resize(threads_.size());
  std::iota(sequence_.begin(), sequence_.end(), 0);
  if (order_.kind == Order::Kind::reverse) std::reverse(sequence_.begin(), sequence_.end());
  if (order_.kind == Order::Kind::shuffled) std::shuffle(sequence_.begin(), sequence_.end(), random_);
}

bool Launch::runBlock() {
  drawSequence();
  for (;;) {
    bool ran = false;
    for (const int next : sequence_) {
      if (threads_[static_cast<size_t>(next)].state != Thread::State::ready) continue;
      thread_ = next;
      fibers().enter(static_cast<size_t>(next));
      ran = true;
    }
    if (ran) continue;
    const auto done = [](const Thread& thread) { return thread.state == Thread::State::done; };
    if (std::all_of(threads_.begin(), threads_.end(), done)) return true;
    if (!releaseBarrier()) return false;
  }
}

// Nobody can run: all must wait at one barrier.
bool Launch::releaseBarrier() {
  const Thread& first = threads_.front();
  for (size_t i = 0; i < threads_.size(); ++i) {
    const Thread& other = threads_[i];
    if (other.state == Thread::State::atBarrier && first.state == Thread::State::atBarrier &&
        other.site.line() == first.site.line()) {
      continue;
    }
    thread_ = static_cast<int>(i);
    const auto say = [](const Thread& thread) {
      if (thread.state == Thread::State::done) return std::string("has ended");
      const bool barrier = thread.state == Thread::State::atBarrier;
      return std::string(barrier ? "waits at the barrier of " : "waits at the warp operation of ") + place(thread.site);
    };
    fault(Fault::divergence, (other.state == Thread::State::done ? first : other).site,
          say(other) + " while thread 0 " + say(first));
    return false;
  }
  ++epoch_;
  for (Warp& warp : warps_) warp.log.flush(number_);
  for (Thread& thread : threads_) thread.state = Thread::State::ready;
  drawSequence();
  return true;
}

bool Launch::omitsNext() {
  const int number = self().orderings++;
  orderings_ = std::max(orderings_, number + 1);
  return number == omitted_;
}

void Launch::barrier(const Site& site) {
  if (!omitsNext()) switchOut(Thread::State::atBarrier, site);
}

void Launch::warpBarrier(const Site& site) { exchange({}, site, !omitsNext()); }

void Launch::wait(size_t groups) {
  if (!omitsNext()) awaitGroups(groups);
}

void Launch::awaitEarlier() {
  if (!omitsNext()) self().awaited = true;
}

const Operands& Launch::exchange(const Operand& mine, const Site& site, bool ordersMemory) {
  const int number = thread_, base = number / warpLanes * warpLanes;
  Warp& warp = warps_[static_cast<size_t>(number / warpLanes)];
  Operands& operands = warp.operands[self().turn++ % 2];
  operands[static_cast<size_t>(number % warpLanes)] = mine;
  if (warp.waiting == 0) {
    warp.meeting = site;
  } else if (warp.meeting.line() != site.line()) {
    fault(Fault::divergence, site, "other lanes wait at " + place(warp.meeting));
  }
  if (++warp.waiting < warpLanes) {
    switchOut(Thread::State::atWarp, site);
  } else {
    warp.waiting = 0;
    if (ordersMemory) ++warp.epoch;
    warp.log.flush(number_);
    Thread* first = &threads_[static_cast<size_t>(base)];
    for (int lane = 0; lane < warpLanes; ++lane) first[lane].state = Thread::State::ready;
  }
  return operands;
}

Allocation* Launch::sharedArray(const char* name, uint32_t elementBytes, uint64_t count, const Site& site) {
  auto& array = shared_[{site.line(), site.file_name()}];
  if (!array) array = std::make_unique<Allocation>(name, Space::shared, elementBytes, count);
  return array.get();
}

}  // namespace pathpress::cuda::emulate
