// What the tests of the engine on a device share.
#pragma once

#include "../engine/backend.h"
#include "decode_world.h"

namespace pathpress::cuda {

// Tells a run's listener of logits, as the CPU's does, which users do not pay for; and of itself how it was run.
class TellingBackend : public CudaBackend {
 public:
  using CudaBackend::CudaBackend;

  bool runsAhead() const override { return !inStep && CudaBackend::runsAhead(); }
  void take(std::span<Fed> fed, int turn) override {
    taken += 1;
    behind += turn != last_;
    CudaBackend::take(fed, turn);
  }
  void run(std::span<Fed> fed, int turn) override {
    widest = std::max(widest, fed.size());
    CudaBackend::run(fed, turn);
    last_ = turn;
    auto& rows = rows_[turn];
    rows.resize(fed.size());
    int end = 0;
    for (size_t i = 0; i < fed.size(); ++i) {
      end += fed[i].rows;
      if (!fed[i].sampled) continue;
      rows[i] = decoder().logits(end - 1);
      fed[i].logits = rows[i];
    }
  }

  bool inStep = false;        // always
  size_t widest = 0;          // sequences of a run, the most
  int taken = 0, behind = 0;  // runs, and of these those that another had followed when their tokens were read

 private:
  std::vector<std::vector<float>> rows_[2];  // of turns
  int last_ = 0;
};

// An engine on a test's device, whose faults fail the test at the end.
class DeviceEngine {
 public:
  // Bytes: of the caches at most, and of the device, in emulation alone; 0 for as much as there is.
  explicit DeviceEngine(const DrawnModel& drawn, size_t cacheLimit = size_t{1} << 19, size_t memory = 0,
                        int prefillRows = fewRows)
      : DeviceEngine(loadModel(drawn.config, {drawn.path}, 1, 0), cacheLimit, memory, prefillRows) {}

  explicit DeviceEngine(std::unique_ptr<Model> model, size_t cacheLimit = 0, size_t memory = 0, int prefillRows = fewRows) {
    auto device = std::make_unique<TestDevice>(shuffled(3));
    device_ = device.get();
    if (memory > 0) device->limit(memory);
    CudaOptions options;
    options.cacheLimit = cacheLimit;
    auto backend = std::make_unique<TellingBackend>(std::move(device), std::move(model), options);
    backend_ = backend.get();
    engine_ = std::make_unique<Engine>(std::move(backend), prefillRows);
  }
  ~DeviceEngine() { CHECK_CASE(device_->faults().none(), device_->faults().text()); }
  DeviceEngine(const DeviceEngine&) = delete;
  DeviceEngine& operator=(const DeviceEngine&) = delete;

  Engine& engine() { return *engine_; }
  TellingBackend& backend() { return *backend_; }

 private:
  static constexpr int fewRows = 7;  // so that prompts come in pieces

  std::unique_ptr<Engine> engine_;
  TestDevice* device_;  // the engine's
  TellingBackend* backend_;
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
