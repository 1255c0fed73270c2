#include "../../engine/errors.h"
#include "open.h"

namespace pathpress::cuda {

std::string whyUnavailable() { return "the engine was built without CUDA"; }

std::unique_ptr<Backend> openBackend(const EngineOptions&) {
  throw EngineError("CUDA_UNAVAILABLE", "device cuda: " + whyUnavailable());
}

}  // namespace pathpress::cuda
