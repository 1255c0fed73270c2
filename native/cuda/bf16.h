// A bfloat16 by its bits, for code of the host that needs no device.
#pragma once

#include <cstdint>

namespace pathpress::cuda {

struct Bf16 {
  uint16_t bits;
};

}  // namespace pathpress::cuda
