// Starting a thread, with an error that says which one the system refused.
#pragma once

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "errors.h"

namespace pathpress {

// Throws EngineError NO_THREAD. `number` of `all`, for the message.
template <class Body>
std::thread startThread(int number, int all, Body&& body) {
  try {
    return std::thread(std::forward<Body>(body));
  } catch (const std::system_error& error) {
    throw EngineError("NO_THREAD", "threads " + std::to_string(all) + ": the system refused thread " +
                                       std::to_string(number) + " (" + error.what() + ")");
  }
}

}  // namespace pathpress
