// RPC with one thing changed in how candidates are scored; when it compresses and how many stay are RPC's.
#pragma once

#include "rows.h"

namespace pathpress {

struct RpcVariant : Policy {
  explicit RpcVariant(const PolicyOptions& o) : rpc(makeRpc(o)) {}

  bool due(const Progress& p) const override { return rpc->due(p); }
  Keep keep(const Progress& p) const override { return rpc->keep(p); }
  int64_t peak(int64_t promptTokens, int64_t written) const override { return rpc->peak(promptTokens, written); }
  void admit(int64_t promptTokens) const override { rpc->admit(promptTokens); }
  Recipe recipe() const override {
    Recipe how = rpc->recipe();
    change(how);
    return how;
  }
  virtual void change(Recipe& how) const = 0;

  std::unique_ptr<Policy> rpc;
};

}  // namespace pathpress
