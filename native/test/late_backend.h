// The CPU's backend as one that runs ahead, as a GPU does: what a run draws is shown when it is taken, not before, though
// the next run goes on from it.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "../engine/cpu_backend.h"

namespace pathpress {

class LateBackend final : public CpuBackend {
 public:
  using CpuBackend::CpuBackend;

  bool runsAhead() const override { return true; }
  double peakBlocks(const Request& request, const Policy& policy) const override {
    return promised * CpuBackend::peakBlocks(request, policy);
  }
  void run(std::span<Fed> fed, int turn) override {
    for (const Fed& one : fed) {
      if (one.sequence->unread) one.sequence->next = std::max(0, newest_[one.sequence]);
    }
    CpuBackend::run(fed, turn);
    drawn_[turn].clear();
    for (Fed& one : fed) {
      if (!one.sampled) continue;
      drawn_[turn][one.sequence] = {newest_[one.sequence] = one.token, one.entropy};
      one.token = -1;
      one.entropy = NAN;
    }
    last_ = turn;
    for (const Fed& one : fed) rows += one.rows;
  }
  void take(std::span<Fed> fed, int turn) override {
    taken += 1;
    behind += turn != last_;
    for (Fed& one : fed) {
      if (one.sampled) std::tie(one.token, one.entropy) = drawn_[turn].at(one.sequence);
    }
  }

  int taken = 0, behind = 0;  // runs, and of these those that another had followed by then
  int64_t rows = 0;
  double promised = 1;  // share of a request's peak that admission is told: below 1 the pool runs out

 private:
  std::map<const Sequence*, int32_t> newest_;
  std::array<std::map<const Sequence*, std::pair<int32_t, float>>, 2> drawn_;  // of turns
  int last_ = 0;
};

}  // namespace pathpress
