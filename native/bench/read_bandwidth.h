// The ceiling that decoding is held against.
#pragma once

#include <cstddef>

namespace pathpress {

// Best rate, in bytes a second, at which `threads` threads together read a buffer of `bytes` bytes once; the buffer is
// read over and over for a second and a half, so that one that fits a cache is read from there, as the same weights would be.
double readBandwidth(size_t bytes, int threads);

}  // namespace pathpress
