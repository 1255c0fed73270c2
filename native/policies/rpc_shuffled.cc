// RPC with its choice taken out: the scores change places at random among candidates of the same tenth by age. As many
// of each age stay as RPC would keep, but not those that it would choose.
#include "rpc_variant.h"

namespace pathpress {
namespace {

struct RpcShuffled : RpcVariant {
  using RpcVariant::RpcVariant;
  void change(Recipe& how) const override { how.shuffled = true; }
};

}  // namespace

std::unique_ptr<Policy> makeRpcShuffled(const PolicyOptions& options) { return std::make_unique<RpcShuffled>(options); }

}  // namespace pathpress
