// One maker a policy, one row each in registry.cc.
#pragma once

#include "policy.h"

namespace pathpress {

std::unique_ptr<Policy> makeFull(const PolicyOptions& options);
std::unique_ptr<Policy> makeRpc(const PolicyOptions& options);
std::unique_ptr<Policy> makeRecency(const PolicyOptions& options);
std::unique_ptr<Policy> makeRandom(const PolicyOptions& options);
std::unique_ptr<Policy> makeRpcShuffled(const PolicyOptions& options);
std::unique_ptr<Policy> makeRpcInverted(const PolicyOptions& options);
std::unique_ptr<Policy> makeLookahead(const PolicyOptions& options);
std::unique_ptr<Policy> makeAdaptive(const PolicyOptions& options);
std::unique_ptr<Policy> makeH2o(const PolicyOptions& options);
std::unique_ptr<Policy> makeTova(const PolicyOptions& options);
std::unique_ptr<Policy> makeStreaming(const PolicyOptions& options);
std::unique_ptr<Policy> makeSnapKv(const PolicyOptions& options);
std::unique_ptr<Policy> makeSnapKvDecode(const PolicyOptions& options);
std::unique_ptr<Policy> makeAdaKv(const PolicyOptions& options);
std::unique_ptr<Policy> makeRKv(const PolicyOptions& options);
std::unique_ptr<Policy> makeVase(const PolicyOptions& options);
std::unique_ptr<Policy> makeRaas(const PolicyOptions& options);
std::unique_ptr<Policy> makeLazyEviction(const PolicyOptions& options);
std::unique_ptr<Policy> makeQuest(const PolicyOptions& options);

}  // namespace pathpress
