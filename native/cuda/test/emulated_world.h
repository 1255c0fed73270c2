// What the tests of kernels share: a kernel in every order of threads, and a verdict on what the emulator saw.
#pragma once

#include <functional>
#include <string>

#include "../../test/check.h"
#include "../device.h"

namespace pathpress::cuda {

// `run` on a fresh device in each order; any fault fails the test and is printed.
inline void everyOrder(const std::string& what, const std::function<void(Emulator&)>& run) {
  for (const emulate::Order& order : Emulator::orders()) {
    Emulator device(order);
    run(device);
    const std::string faults = device.faults().text();
    CHECK_CASE(faults.empty(), what + ", order " + std::to_string(static_cast<int>(order.kind)) + "." +
                                   std::to_string(order.seed) + ":\n" + faults);
  }
}

// `run` does something wrong: each order must say so, and call it by its name.
inline void everyOrderSees(emulate::Fault fault, const std::string& what, const std::function<void(Emulator&)>& run) {
  for (const emulate::Order& order : Emulator::orders()) {
    Emulator device(order);
    run(device);
    CHECK_CASE(device.faults().saw(fault),
               what + ": wanted " + emulate::faultName(fault) + ", seen:\n" + device.faults().text());
  }
}

// `run` is faultless, and is not any more where one of its barriers, warp barriers or waits is left out.
inline void everyOmissionIsSeen(const std::string& what, const std::function<void(Emulator&)>& run) {
  Emulator whole({emulate::Order::Kind::forward});
  run(whole);
  CHECK_CASE(whole.faults().none() && whole.orderings() > 0, what);
  for (int omitted = 0; omitted < whole.orderings(); ++omitted) {
    Emulator device({emulate::Order::Kind::forward}, omitted);
    run(device);
    CHECK_CASE(!device.faults().none(), what + " without number " + std::to_string(omitted));
  }
}

}  // namespace pathpress::cuda
