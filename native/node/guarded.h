// What the engine throws, as JavaScript's errors with a `code`.
#pragma once

#include <new>

#include "../engine/errors.h"
#include "convert.h"

namespace pathpress {

// Returns what `body` returns; `what` names it where memory runs out.
template <class Body>
auto guarded(Napi::Env env, const char* what, Body body) {
  try {
    return body();
  } catch (const EngineError& error) {
    throw fromError(env, error.code, error.what());
  } catch (const std::bad_alloc&) {
    throw fromError(env, "OUT_OF_MEMORY", std::string("the machine has no memory left for ") + what);
  }
}

}  // namespace pathpress
