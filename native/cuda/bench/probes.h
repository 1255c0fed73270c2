// What the device reaches at most, measured in the same run as what is set beside it.
#pragma once

#include "../device.h"

namespace pathpress::cuda::bench {

// Numbers uniform in ±width, the same for a seed. Not zeros, with which a device can be faster than it is.
void fillRandom(Stream stream, const Global<Bf16>& to, int64_t count, float width, uint32_t seed);

// Reads `count` Bf16, a multiple of 8, once, and keeps nothing of them.
void readAll(Stream stream, const Global<const Bf16>& from, int64_t count, const Global<float>& sink);

// Writes what it reads.
void copyAll(Stream stream, const Global<const Bf16>& from, const Global<Bf16>& to, int64_t count);

constexpr int multiplyWarpTiles = 8;

// In each of 8 · blocks warps, from registers alone: rounds · multiplyWarpTiles products of 16 × 16 by 16 × 8.
void multiplyRegisters(Stream stream, int blocks, int rounds, const Global<float>& sink);

void doNothing(Stream stream);

}  // namespace pathpress::cuda::bench
