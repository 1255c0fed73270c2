// The CUDA backend for whoever knows nothing of CUDA: with open.cu where nvcc compiled it, else with absent.cc.
#pragma once

#include <memory>
#include <string>

#include "../../engine/backend.h"
#include "../../engine/engine.h"

namespace pathpress::cuda {

// Why there is no GPU that this build can run on; empty where there is one.
std::string whyUnavailable();

// Loads the model onto the first GPU. Throws EngineError CUDA_UNAVAILABLE with the reason, BAD_OPTION where an option asks
// for what the device does not do, and as the CPU's and CudaBackend's constructors do.
std::unique_ptr<Backend> openBackend(const EngineOptions& options);

}  // namespace pathpress::cuda
