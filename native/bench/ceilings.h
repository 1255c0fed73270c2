// The ceilings that decoding and prefill are held against, measured in the run that they are held against.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "../engine/dtype.h"

namespace pathpress {

// Best rate, in bytes a second, at which `threads` threads together read a buffer of `bytes` bytes once, with the loads
// of the named kernels' instruction set (empty: the fastest). The buffer is read over and over for a tenth of a second, so
// that one that fits a cache is read from there, as weights of that size would be.
double readBandwidth(size_t bytes, int threads, std::string_view kernels);

// Seconds in which a cache line goes from one thread to another and back, the median of some thousand times. It says where
// a virtual machine has put its processors: under one shared cache, or under two, where reading is faster and this slower.
double roundTripSeconds();

// Operations a second (a multiply-add is two) of `threads` threads together over so much time, operands in registers: the
// best of its milliseconds, and the mean, which is what the processor gives who shares it with others. Of float32, or of the
// dot product of bfloat16 pairs into float32 (0 where the set or the processor has none).
struct OperationRate {
  double best, mean;
};
OperationRate operationRate(DType type, int threads, std::string_view kernels, std::chrono::milliseconds time);

}  // namespace pathpress
