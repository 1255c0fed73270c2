// What the tests of the engine on a device share.
#pragma once

#include "../engine/backend.h"
#include "decode_world.h"

namespace pathpress::cuda {

// An engine on a test's device, whose faults fail the test at the end.
class DeviceEngine {
 public:
  // Bytes: of the caches at most, and of the device, in emulation alone; 0 for as much as there is.
  explicit DeviceEngine(const DrawnModel& drawn, size_t cacheLimit = size_t{1} << 19, size_t memory = 0) {
    auto device = std::make_unique<TestDevice>(shuffled(3));
    device_ = device.get();
    if (memory > 0) device->limit(memory);
    CudaOptions options;
    options.cacheLimit = cacheLimit;
    auto model = loadModel(drawn.config, {drawn.path}, 1);
    engine_ = std::make_unique<Engine>(std::make_unique<CudaBackend>(std::move(device), std::move(model), options), 7);
  }
  ~DeviceEngine() { CHECK_CASE(device_->faults().none(), device_->faults().text()); }
  DeviceEngine(const DeviceEngine&) = delete;
  DeviceEngine& operator=(const DeviceEngine&) = delete;

  Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
  TestDevice* device_;  // the engine's
};

inline PolicyOptions policyOf(const std::string& name) {
  PolicyOptions policy;
  policy.name = name;
  policy.interval = 8;
  policy.window = 3;
  policy.ratio = 2;
  policy.kernel = 3;
  return policy;
}

inline Request requestOf(const PolicyOptions& policy, int prompt, int tokens) {
  Request request;
  for (int i = 0; i < prompt; ++i) request.promptIds.push_back((prompt * 5 + i * 7) % 60);
  request.policy = policy;
  request.maxTokens = tokens;
  request.stream[0] = prompt;
  request.trace = true;
  return request;
}

// Of different lengths, so that in a batch of two they join and leave at different steps.
inline std::vector<Request> requestsOf(const PolicyOptions& policy) {
  return {requestOf(policy, 5, 20), requestOf(policy, 13, 26), requestOf(policy, 2, 18)};
}

}  // namespace pathpress::cuda
