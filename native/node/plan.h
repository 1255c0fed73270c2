// The add-on's functions for src/models/plan.ts: without an engine, on the caller's thread.
#pragma once

#include <napi.h>

namespace pathpress {

void exportPlan(Napi::Object& exports);

}  // namespace pathpress
