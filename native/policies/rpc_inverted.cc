// RPC upside down, a check of the instrument: what the latest queries voted for least stays. Where it does as well as RPC
// the task cannot tell scores apart.
#include "rpc_variant.h"

namespace pathpress {
namespace {

struct RpcInverted : RpcVariant {
  using RpcVariant::RpcVariant;
  void change(Recipe& how) const override { how.inverted = true; }
};

}  // namespace

std::unique_ptr<Policy> makeRpcInverted(const PolicyOptions& options) { return std::make_unique<RpcInverted>(options); }

}  // namespace pathpress
