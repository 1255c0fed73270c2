// World of a test in emulation: a kernel in every order of threads, and a verdict on what the emulator saw.
#pragma once

#include <functional>
#include <string>

// The test as a program.
#define CUDA_TEST(name)     \
  static void name##Test(); \
  int main() {              \
    name##Test();           \
    return checks();        \
  }                         \
  static void name##Test()

namespace pathpress::cuda {

constexpr bool onGpu = false;

using TestDevice = Emulator;
using Order = emulate::Order;

constexpr Order forward{Order::Kind::forward}, reverse{Order::Kind::reverse};
constexpr Order shuffled(uint64_t seed) { return {Order::Kind::shuffled, seed}; }

// `run` on a fresh device in each order; any fault fails the test and is printed.
inline void everyOrder(const std::string& what, const std::function<void(TestDevice&)>& run) {
  for (const Order& order : Emulator::orders()) {
    Emulator device(order);
    run(device);
    const std::string faults = device.faults().text();
    CHECK_CASE(faults.empty(), what + ", order " + std::to_string(static_cast<int>(order.kind)) + "." +
                                   std::to_string(order.seed) + ":\n" + faults);
  }
}

// `run` does something wrong: each order must say so, and call it by its name.
inline void everyOrderSees(emulate::Fault fault, const std::string& what, const std::function<void(TestDevice&)>& run) {
  for (const Order& order : Emulator::orders()) {
    Emulator device(order);
    run(device);
    CHECK_CASE(device.faults().saw(fault),
               what + ": wanted " + emulate::faultName(fault) + ", seen:\n" + device.faults().text());
  }
}

// `run` is faultless, and is not any more where one of its barriers, warp barriers or waits is left out.
inline void everyOmissionIsSeen(const std::string& what, const std::function<void(TestDevice&)>& run) {
  Emulator whole(forward);
  run(whole);
  CHECK_CASE(whole.faults().none() && whole.orderings() > 0, what);
  for (int omitted = 0; omitted < whole.orderings(); ++omitted) {
    Emulator device(forward, omitted);
    run(device);
    CHECK_CASE(!device.faults().none(), what + " without number " + std::to_string(omitted));
  }
}

// What only emulation can say, as how many bytes a kernel moves.
inline void emulatedOnly(const char*, void (*test)()) { test(); }

}  // namespace pathpress::cuda
