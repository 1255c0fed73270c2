// The emulator is itself a measuring device: each planted fault is seen in every order of threads, and kernels without
// fault pass in all.
#include "draw.h"
#include "world.h"

namespace pathpress::cuda {
namespace {

using emulate::Fault;

constexpr int threads = 64;

// out[i] = in[64 - 1 - i], through shared memory.
template <bool withBarrier>
KERNEL reverse(Global<const float> in, Global<float> out) {
  SHARED_ARRAY(float, held, threads);
  const int i = threadIndex();
  held.set(i, in.load(i));
  if (withBarrier) barrier();
  out.store(i, held.get(threads - 1 - i));
}

// Each warp turns its part round: the order within a warp is enough.
template <bool withBarrier>
KERNEL reverseWarps(Global<const float> in, Global<float> out) {
  SHARED_ARRAY(float, held, threads);
  const int i = threadIndex();
  held.set(i, in.load(i));
  if (withBarrier) warpBarrier();
  else (void)shuffle(i, 0);  // the lanes meet, but no memory is ordered
  out.store(i, held.get(i ^ 31));
}

// A second use of the same shared memory: the barrier between the reads and the next writes is missing.
template <bool withBarrier>
KERNEL twice(Global<const float> in, Global<float> out) {
  SHARED_ARRAY(float, held, threads);
  const int i = threadIndex();
  for (int round = 0; round < 2; ++round) {
    held.set(i, in.load(round * threads + i));
    barrier();
    out.store(round * threads + i, held.get(threads - 1 - i));
    if (withBarrier) barrier();
  }
}

KERNEL shift(Global<const float> in, Global<float> out, int by) {
  const int i = blockIndex() * blockThreads() + threadIndex();
  out.store(i, in.load(i + by));
}

KERNEL sharedShift(Global<float> out, int by) {
  SHARED_ARRAY(float, held, threads);
  held.set(threadIndex() + by, 1.0f);
  barrier();
  out.store(threadIndex(), held.get(threadIndex()));
}

KERNEL copyPast(Global<float> out, int skipped) {
  if (threadIndex() >= skipped) out.store(threadIndex(), 1.0f);
}

// Blocks write their neighbour's element too.
KERNEL overlap(Global<float> out) {
  const int i = blockIndex() * blockThreads() + threadIndex();
  out.store(i, 1.0f);
  if (threadIndex() == 0 && blockIndex() + 1 < gridBlocks()) out.store(i + blockThreads(), 1.0f);
}

// In place and across blocks: values may stay right, the race is there.
KERNEL shiftInPlace(Global<float> data) {
  const int i = blockIndex() * blockThreads() + threadIndex();
  const float value = data.load(i + 1);
  barrier();
  data.store(i, value);
}

// Threads `a` and `b` read an element that b then writes: who read it besides b must be remembered.
KERNEL readThenWrite(Global<float> out, int a, int b) {
  SHARED_ARRAY(float, held, 1);
  if (threadIndex() == 0) held.set(0, 1.0f);
  barrier();
  if (threadIndex() == a || threadIndex() == b) out.store(threadIndex(), held.get(0));
  if (threadIndex() == b) held.set(0, 2.0f);
}

// Likewise two blocks, of which either writes.
KERNEL readThenWriteBlocks(Global<float> data, int writer) {
  const float value = data.load(0);
  barrier();
  if (blockIndex() == writer && threadIndex() == 0) data.store(0, value + 1);
}

template <bool atomic>
KERNEL total(Global<const float> in, Global<float> out) {
  const float value = in.load(blockIndex() * blockThreads() + threadIndex());
  if (atomic) out.add(0, value);
  else out.store(0, out.load(0) + value);
}

KERNEL barrierForSome(Global<float> out) {
  if (threadIndex() < 32) barrier();
  out.store(threadIndex(), 1.0f);
}

KERNEL twoBarriers(Global<float> out) {
  if (threadIndex() < 32) barrier();
  else
    barrier();
  out.store(threadIndex(), 1.0f);
}

KERNEL shuffleForSome(Global<float> out) {
  float value = 1.0f;
  if (threadIndex() % 2 == 0) value = shuffleXor(value, 2);
  out.store(threadIndex(), value);
}

// Two groups under way: reading the first wants a wait that leaves one, reading the second one that leaves none.
template <int left>
KERNEL stagedCopy(Global<const float> in, Global<float> out) {
  SHARED_ARRAY(float, held, 8 * 32);
  const int i = threadIndex() * 4;
  for (int stage = 0; stage < 2; ++stage) {
    copyAsync(held, stage * 128 + i, in, stage * 128 + i);
    commitCopies();
  }
  waitCopies<left>();
  out.store16(i, held.get16(128 + i));
}

KERNEL addLanes(Global<const float> in, Global<float> out) {
  float sum = in.load(threadIndex());
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffleXor(sum, mask);
  const uint32_t even = laneVotes(threadIndex() % 2 == 0);
  out.store(threadIndex(), sum + static_cast<float>(even == 0x55555555u));
}

KERNEL writeInput(Global<float> out) { out.store(threadIndex(), 1.0f); }

KERNEL misaligned(Global<const float> in, Global<float> out) {
  out.store16(threadIndex() * 4, in.load16(threadIndex() * 4 + 1));
}

// Begins beside the launch before it, and looks at `ahead` before that has ended.
template <bool waits>
KERNEL sumAhead(Global<const float> ahead, Global<const float> behind, Global<float> out) {
  const float early = ahead.load(threadIndex());
  if (waits) awaitEarlier();
  out.store(threadIndex(), early + behind.load(threadIndex()));
}

KERNEL nothing() {}

void launchesBesideEachOther() {
  everyOrder("launches beside each other", [](Emulator& device) {
    const auto in = device.input("in", ramp(threads));
    const auto first = device.unwritten<float>("first", threads), second = device.unwritten<float>("second", threads);
    const auto third = device.unwritten<float>("third", threads);
    launch(&device, {1, threads}, shift, in, first, 0);
    launch(&device, {1, threads}, shift, in, second, 0);  // after the one before, whose values may then be read early
    launchEarly(&device, {1, threads}, sumAhead<true>, Global<const float>(first), Global<const float>(second), third);
    CHECK(device.values(third)[5] == 10.0f);
  });
  const auto seen = [](const std::string& what, const std::function<void(Emulator&, Global<float>, Global<float>)>& go) {
    everyOrderSees(Fault::early, what, [&](Emulator& device) {
      const auto first = device.unwritten<float>("first", threads);
      launch(&device, {1, threads}, shift, device.input("in", ramp(threads)), first, 0);
      go(device, first, device.array<float>("out", ramp(threads)));
    });
  };
  using In = Global<const float>;
  seen("what the launch before writes, read too early", [](Emulator& device, Global<float> first, Global<float> out) {
    launchEarly(&device, {1, threads}, sumAhead<true>, In(first), In(first), out);
  });
  seen("a wait for earlier launches left out", [](Emulator& device, Global<float> first, Global<float> out) {
    launchEarly(&device, {1, threads}, sumAhead<false>, device.input("ahead", ramp(threads)), In(first), out);
  });
  seen("a launch that ends before an earlier one", [](Emulator& device, Global<float>, Global<float>) {
    launchEarly(&device, {1, threads}, nothing);
  });
  seen("two launches ago is no better", [](Emulator& device, Global<float> first, Global<float> out) {
    const auto other = device.unwritten<float>("other", threads);
    launchEarly(&device, {1, threads}, sumAhead<true>, device.input("ahead", ramp(threads)), In(first), other);
    launchEarly(&device, {1, threads}, sumAhead<true>, In(first), In(other), out);
  });
}

void faultless() {
  const std::vector<float> in = ramp(4 * threads);
  everyOrder("values", [&](Emulator& device) {
    const auto source = device.input("in", in);
    const auto block = device.unwritten<float>("block", threads), warps = device.unwritten<float>("warps", threads);
    const auto both = device.unwritten<float>("both", 2 * threads), sum = device.array<float>("sum", {0});
    const auto lanes = device.unwritten<float>("lanes", 32), staged = device.unwritten<float>("staged", 128);
    launch(&device, {1, threads}, reverse<true>, source, block);
    launch(&device, {1, threads}, reverseWarps<true>, source, warps);
    launch(&device, {1, threads}, twice<true>, source, both);
    launch(&device, {4, threads}, total<true>, source, sum);
    launch(&device, {1, 32}, addLanes, source, lanes);
    launch(&device, {1, 32}, stagedCopy<0>, source, staged);
    bool right = device.values(sum)[0] == 255.0f * 256 / 2;
    for (size_t i = 0; i < threads; ++i) {
      right &= device.values(block)[i] == static_cast<float>(63 - i);
      right &= device.values(warps)[i] == static_cast<float>(i ^ 31);
      right &= device.values(both)[threads + i] == static_cast<float>(127 - i);
    }
    CHECK(right);
    CHECK(device.values(lanes)[7] == 31.0f * 32 / 2 + 1);
    CHECK(device.values(staged) == std::vector<float>(in.begin() + 128, in.begin() + 256));
  });
}

// What one kernel does to fresh memory: in (256 floats), out (256 floats, unwritten).
using Planted = std::function<void(Emulator&, Grid, Global<const float>, Global<float>)>;
void planted(Fault fault, const std::string& what, Grid grid, const Planted& go) {
  everyOrderSees(fault, what, [&](Emulator& device) {
    go(device, grid, device.input("in", ramp(256)), device.unwritten<float>("out", 256));
  });
}

void plantedFaults() {
  const Grid one{1, threads}, four{4, threads}, warp{1, 32};
  const auto with = [](auto kernel) {
    return [kernel](Emulator& d, Grid g, Global<const float> in, Global<float> out) { launch(&d, g, kernel, in, out); };
  };
  const auto onOut = [](auto kernel) {
    return [kernel](Emulator& d, Grid g, Global<const float>, Global<float> out) { launch(&d, g, kernel, out); };
  };
  planted(Fault::race, "a barrier removed between writing and reading", one, with(reverse<false>));
  planted(Fault::race, "a warp barrier removed", one, with(reverseWarps<false>));
  planted(Fault::race, "a barrier removed between reading and writing anew", one, with(twice<false>));
  planted(Fault::bounds, "a load one too far", four,
          [](auto& d, Grid g, auto in, auto out) { launch(&d, g, shift, in, out, 1); });
  planted(Fault::bounds, "a load before the start", four,
          [](auto& d, Grid g, auto in, auto out) { launch(&d, g, shift, in, out, -1); });
  planted(Fault::bounds, "a store one too far", one,
          [](auto& d, Grid g, auto in, auto out) { launch(&d, g, shift, in, out + 193, 0); });
  planted(Fault::bounds, "shared memory one too far", one,
          [](auto& d, Grid g, auto, auto out) { launch(&d, g, sharedShift, out, 1); });
  planted(Fault::unwritten, "shared memory that nobody wrote", one,
          [](auto& d, Grid g, auto, auto out) { launch(&d, g, sharedShift, out, 1); });
  planted(Fault::unwritten, "global memory that nobody wrote", one, [](auto& d, Grid g, auto, auto out) {
    launch(&d, g, copyPast, out, 1);
    launch(&d, g, shift, Global<const float>(out), d.template unwritten<float>("next", 256), 0);
  });
  planted(Fault::unwritten, "a wait too few", warp, with(stagedCopy<1>));
  planted(Fault::race, "two blocks write one element", four, onOut(overlap));
  planted(Fault::race, "shifted in place across blocks", {3, threads}, [](auto& d, Grid g, auto, auto) {
    launch(&d, g, shiftInPlace, d.array("data", ramp(256)));
  });
  for (const auto& [a, b] : {std::pair{0, 1}, {1, 0}, {0, 32}, {32, 0}}) {
    planted(Fault::race, "read by threads " + std::to_string(a) + " and " + std::to_string(b) + ", written by one", one,
            [a = a, b = b](auto& d, Grid g, auto, auto out) { launch(&d, g, readThenWrite, out, a, b); });
  }
  for (const int writer : {0, 1}) {
    planted(Fault::race, "read by two blocks, written by one", {2, threads}, [writer](auto& d, Grid g, auto, auto) {
      launch(&d, g, readThenWriteBlocks, d.template array<float>("data", {0}), writer);
    });
  }
  planted(Fault::race, "a sum without atomics", four, [](auto& d, Grid g, auto in, auto) {
    launch(&d, g, total<false>, in, d.template array<float>("sum", {0}));
  });
  planted(Fault::divergence, "a barrier that some threads never reach", one, onOut(barrierForSome));
  planted(Fault::divergence, "two barriers at once", one, onOut(twoBarriers));
  planted(Fault::divergence, "a shuffle of half the lanes", one, onOut(shuffleForSome));
  planted(Fault::readOnly, "a store to an input", one, [](auto& d, Grid g, auto in, auto) {
    launch(&d, g, writeInput, Global<float>(in.allocation(), 0));
  });
  planted(Fault::misaligned, "16 bytes at an odd float", {1, 32}, with(misaligned));
}

// The same by leaving out, one by one, what orders the faultless kernels.
void omissions() {
  const auto of = [](const std::string& what, Grid grid, auto kernel) {
    everyOmissionIsSeen(what, [&](Emulator& device) {
      launch(&device, grid, kernel, device.input("in", ramp(256)), device.unwritten<float>("out", 256));
    });
  };
  of("reverse", {1, threads}, reverse<true>);
  of("reverseWarps", {1, threads}, reverseWarps<true>);
  of("stagedCopy", {1, 32}, stagedCopy<0>);
}

}  // namespace
}  // namespace pathpress::cuda

int main() {
  using namespace pathpress::cuda;
  faultless();
  plantedFaults();
  omissions();
  launchesBesideEachOther();
  return checks();
}
