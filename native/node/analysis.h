// The add-on's functions for src/analysis: without an engine, on the caller's thread.
#pragma once

#include <napi.h>

namespace pathpress {

void exportAnalysis(Napi::Object& exports);

}  // namespace pathpress
