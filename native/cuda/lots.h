// Random priorities of tokens, the same as the CPU's (native/policies/draw.h).
#pragma once

#include "../policies/mix.h"
#include "device.h"

namespace pathpress::cuda {

class Lots {
 public:
  // `lot` stands for seed and stream (lotOf() in compress_plan.h).
  DEVICE Lots(uint64_t lot, int layer, int set, int cycle) : lot_(lot) {
    const int64_t words[] = {layer, set, cycle};
    for (const int64_t word : words) lot_ = mix(lot_ ^ static_cast<uint64_t>(word));
  }
  // Uniform in [0, 2^53), whole.
  DEVICE double of(int position) const {
    return static_cast<double>(mix(lot_ ^ static_cast<uint64_t>(static_cast<int64_t>(position))) >> 11);
  }

 private:
  uint64_t lot_;
};

}  // namespace pathpress::cuda
