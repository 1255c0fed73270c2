// A policy's requests on a device and on the CPU engine, whose tokens, kept positions, triggers and counts of entries the
// device must give. Of two tokens, or two entries, that bfloat16 cannot tell apart either may come first: seeds are chosen
// such that none decides anything.
#pragma once

#include "engine_on_device.h"

namespace pathpress::cuda {

// What both count alike: bytes are of the device's own pages.
inline bool agree(const Result& got, const Result& want) {
  Result ours = got;
  ours.cache.peakBytes = want.cache.peakBytes;
  ours.cache.meanBytes = want.cache.meanBytes;
  ours.cache.sideBytes = want.cache.sideBytes;
  ours.cache.readBytes = want.cache.readBytes;
  const auto counted = [](const Result& r) { return r.evictions.value_or(Evictions{}).count; };
  return sameResult(ours, want) && got.promptTokens == want.promptTokens && counted(got) == counted(want);
}

inline void asUsual(PolicyOptions&) {}

struct Case {
  const char *family, *policy;
  uint64_t seed;
  size_t evicting;  // compressions of the second request, or evictions where there is one a step
  void (*change)(PolicyOptions&) = asUsual;
  int layers = 2, longer = 0;  // longer prompts and outputs
};

inline void capped(PolicyOptions& policy) {
  policy.budget = "cap";
  policy.keep = 9;
  policy.pinPrompt = false;
}

// A policy by name, or RPC with sets of its query heads' own; such that it evicts.
inline PolicyOptions engaged(const std::string& name) {
  PolicyOptions policy = policyOf(name == "rpc of heads" ? "rpc" : name);
  if (name == "rpc of heads") policy.aggregation = "head";
  if (name == "adakv") capped(policy);
  return policy;
}

inline void generate(const Case& c) {
  const DrawnModel drawn(configOf(c.family, c.layers, 2), DType::bf16, c.seed, deviation);
  PolicyOptions policy = policyOf(c.policy);
  c.change(policy);
  std::vector<Request> requests = requestsOf(policy);
  for (Request& request : requests) {
    const auto prompt = static_cast<int>(request.promptIds.size());
    request = requestOf(policy, prompt + c.longer, static_cast<int>(request.maxTokens) + c.longer);
  }
  for (int32_t id = 11; id <= 20; ++id) requests[2].stopIds.push_back(id);
  Engine cpu(engineOptions(drawn));
  DeviceEngine device(drawn);
  const auto want = finish(cpu, 1, requests, 2), got = finish(device.engine(), 1, requests, 2);
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::string what = std::string(c.family) + ", " + c.policy + ", request " + std::to_string(i);
    CHECK_CASE(got->results[i].size() == 1 && agree(got->results[i][0], want->results[i].at(0)), what);
    CHECK_CASE(got->tokens[i] == got->results[i].at(0).ids, what);  // one by one as they came
  }
  const Result& second = want->results[1][0];
  CHECK_CASE((second.evictions ? static_cast<size_t>(second.evictions->count) : second.compressions.size()) == c.evicting,
             c.policy);
  CHECK_CASE(want->results[2][0].finish == Finish::stop || c.seed != 3, c.policy);
}

}  // namespace pathpress::cuda
