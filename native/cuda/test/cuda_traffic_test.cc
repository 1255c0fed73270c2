// Sectors as the emulator counts them against counts made by hand.
#include "draw.h"
#include "world.h"

namespace pathpress::cuda {
namespace {

KERNEL loadStrided(Global<const float> in, Global<float> out, int stride, int offset) {
  out.store(threadIndex(), in.load(threadIndex() * stride + offset));
}
KERNEL loadWide(Global<const float> in, Global<float> out) {
  out.store16(threadIndex() * 4, in.load16(threadIndex() * 4));
}
KERNEL loadAgain(Global<const float> in, Global<float> out) {
  float sum = 0;
  for (int i = 0; i < 3; ++i) sum += in.load(threadIndex());
  out.store(threadIndex(), sum);
}
KERNEL loadSome(Global<const float> in, Global<float> out) {
  float sum = 0;
  for (int i = 0; i < 4; ++i) sum += in.loadIf(i % 2 == 0 || threadIndex() < 8, i * 32 + threadIndex());
  out.store(threadIndex(), sum);
}

void sectors() {
  const auto moved = [](auto kernel, auto... arguments) {
    Emulator device({emulate::Order::Kind::forward});
    launch(&device, {1, 32}, kernel, device.input("in", ramp(1200)), device.unwritten<float>("out", 256), arguments...);
    CHECK(device.faults().none());
    const emulate::Traffic& in = device.traffic("in");
    return std::pair(in.loaded, device.traffic("out").stored);
  };
  // 32 floats are 128 bytes: 4 sectors; from the second float on they touch a fifth; 8 floats apart each has its own.
  CHECK(moved(loadStrided, 1, 0) == std::pair(uint64_t{4}, uint64_t{4}));
  CHECK(moved(loadStrided, 1, 1) == std::pair(uint64_t{5}, uint64_t{4}));
  CHECK(moved(loadStrided, 2, 0) == std::pair(uint64_t{8}, uint64_t{4}));
  CHECK(moved(loadStrided, 8, 0) == std::pair(uint64_t{32}, uint64_t{4}));
  CHECK(moved(loadStrided, 32, 7) == std::pair(uint64_t{32}, uint64_t{4}));
  CHECK(moved(loadStrided, 0, 3) == std::pair(uint64_t{1}, uint64_t{4}));
  CHECK(moved(loadWide) == std::pair(uint64_t{16}, uint64_t{16}));  // 512 bytes each way
  // Two whole rows of 4 sectors, and the first 8 floats of two more: a lane that skips a turn shifts no other's.
  CHECK(moved(loadSome) == std::pair(uint64_t{10}, uint64_t{4}));
  CHECK(moved(loadAgain) == std::pair(uint64_t{12}, uint64_t{4}));  // a loop's turns are operations of their own
  // Read twice in one launch: asked for twice, distinct once; a second launch counts anew.
  Emulator device({emulate::Order::Kind::forward});
  const auto in = device.input("in", ramp(32));
  const auto out = device.unwritten<float>("out", 64);
  for (int i = 0; i < 2; ++i) launch(&device, {2, 32}, loadStrided, in, out + i * 32, 1, 0);
  const emulate::Traffic& traffic = device.traffic("in");
  CHECK(traffic.loaded == 16 && traffic.distinct == 8 && traffic.operations == 4);
}

}  // namespace
}  // namespace pathpress::cuda

int main() {
  pathpress::cuda::sectors();
  return checks();
}
