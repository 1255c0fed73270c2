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

}  // namespace pathpress::cuda
