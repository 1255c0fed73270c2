// RPC with its choice taken out: the scores change places at random among candidates of the same tenth by age. As many
// of each age stay as RPC would keep, but not those that it would choose.
#include "rows.h"

namespace pathpress {
namespace {

struct RpcShuffled : Policy {
  explicit RpcShuffled(const PolicyOptions& o) : rpc(makeRpc(o)) {}

  bool due(const Progress& p) const override { return rpc->due(p); }
  Keep keep(const Progress& p) const override { return rpc->keep(p); }
  int64_t peak(int64_t promptTokens, int64_t written) const override { return rpc->peak(promptTokens, written); }
  void admit(int64_t promptTokens) const override { rpc->admit(promptTokens); }
  Recipe recipe() const override {
    Recipe how = rpc->recipe();
    how.shuffled = true;
    return how;
  }

  std::unique_ptr<Policy> rpc;
};

}  // namespace

std::unique_ptr<Policy> makeRpcShuffled(const PolicyOptions& options) { return std::make_unique<RpcShuffled>(options); }

}  // namespace pathpress
