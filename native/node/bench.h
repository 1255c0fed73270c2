// The add-on's functions for src/bench: without an engine, on the caller's thread.
#pragma once

#include <napi.h>

namespace pathpress {

void exportBench(Napi::Object& exports);

}  // namespace pathpress
