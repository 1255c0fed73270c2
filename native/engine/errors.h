// The one error type that leaves the engine: a stable code for programs, a message that names the thing and the value.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pathpress {

struct EngineError : std::runtime_error {
  EngineError(std::string errorCode, const std::string& message)
      : std::runtime_error(message), code(std::move(errorCode)) {}
  std::string code;  // one of ErrorCode in src/engine/errors.ts
};

}  // namespace pathpress
