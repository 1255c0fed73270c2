// What a sequence holds in the machine's own memory.
#pragma once

#include "backend.h"
#include "sequence_cache.h"
#include "side_state.h"

namespace pathpress {

struct CpuHolding final : Holding {
  CpuHolding(const Request& request, const Policy& policy, BlockPool& pool, const CacheShape& shape, int heads);

  void reserve(int entries) override { cache.reserve(entries); }
  void commit(int entries, int position) override { cache.commit(entries, position); }
  void cut(int entries) override { cache.cut(entries); }
  void clear() override;
  void resum() override { side.record.resum(); }
  std::pair<int, int> extremes() const override;
  size_t blocks() const override { return cache.blocks(); }
  Held held() const override { return {cache.entries(), cache.bytes(), side.bytes() + cache.trackingBytes()}; }
  int64_t readBytes() const override;
  int64_t rowsAtOnce() const override { return side.rowsAtOnce(); }

  SequenceCache cache;
  SideState side;
  int lane = -1;  // that ran it last, of those that go on by themselves; -1 none
};

// Of a sequence of the CPU backend.
CpuHolding& cpuHolding(Sequence& sequence);

}  // namespace pathpress
