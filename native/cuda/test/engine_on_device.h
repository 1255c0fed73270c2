// What the tests of the engine on a device share.
#pragma once

#include "../engine/backend.h"
#include "decode_world.h"

namespace pathpress::cuda {

// Tells a run's listener of logits, as the CPU's does, which users do not pay for.
class TellingBackend : public CudaBackend {
 public:
  using CudaBackend::CudaBackend;

  void run(std::span<Fed> fed) override {
    CudaBackend::run(fed);
    rows_.resize(fed.size());
    int end = 0;
    for (size_t i = 0; i < fed.size(); ++i) {
      end += fed[i].rows;
      if (!fed[i].sampled) continue;
      rows_[i] = decoder().logits(end - 1);
      fed[i].logits = rows_[i];
    }
  }

 private:
  std::vector<std::vector<float>> rows_;
};

// An engine on a test's device, whose faults fail the test at the end.
class DeviceEngine {
 public:
  // Bytes: of the caches at most, and of the device, in emulation alone; 0 for as much as there is.
  explicit DeviceEngine(const DrawnModel& drawn, size_t cacheLimit = size_t{1} << 19, size_t memory = 0)
      : DeviceEngine(loadModel(drawn.config, {drawn.path}, 1), cacheLimit, memory) {}

  explicit DeviceEngine(std::unique_ptr<Model> model, size_t cacheLimit = 0, size_t memory = 0) {
    auto device = std::make_unique<TestDevice>(shuffled(3));
    device_ = device.get();
    if (memory > 0) device->limit(memory);
    CudaOptions options;
    options.cacheLimit = cacheLimit;
    auto backend = std::make_unique<TellingBackend>(std::move(device), std::move(model), options);
    engine_ = std::make_unique<Engine>(std::move(backend), prefillRows);
  }
  ~DeviceEngine() { CHECK_CASE(device_->faults().none(), device_->faults().text()); }
  DeviceEngine(const DeviceEngine&) = delete;
  DeviceEngine& operator=(const DeviceEngine&) = delete;

  Engine& engine() { return *engine_; }

 private:
  static constexpr int prefillRows = 7;  // few, so that prompts come in pieces

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
