// The add-on's functions for src/bench: without an engine, on the caller's thread; and one between an engine's steps.
#pragma once

#include <napi.h>

#include "../engine/engine.h"

namespace pathpress {

// readBetween(bytes, type, simd, callback)
void readBetween(Engine& engine, const Napi::CallbackInfo& info);

void exportBench(Napi::Object& exports);

}  // namespace pathpress
