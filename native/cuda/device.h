// All that a kernel may use, with a meaning on the GPU (gpu.h) and one on the host (emulate/emulate.h), so that the
// same file is compiled by both compilers. Rules for kernels:
//   * Every access to memory goes through Global and SharedArray; neither can be dereferenced otherwise.
//   * Shared memory by SHARED_ARRAY, launches by launch(); blocks are whole warps. BOUNDED_KERNEL says with how many
//     threads a kernel is launched, and how many of its blocks shall find registers on one processor.
//   * Warp operations in flow that is uniform over the warp; loops around loads run equally often in every lane, and a
//     lane that has nothing to load calls the ...If form all the same, so that sectors can be counted.
//   * No thread ends before a later barrier of its block; no block waits for another.
//   * A shuffle orders no memory: warpBarrier() does.
//   * A kernel launched by launchEarly() may run beside the launches before it. Each of its threads calls awaitEarlier()
//     before it writes or reads what launches write, and before it ends; what comes earlier reads weights alone, or what
//     the host wrote. letNextBegin() lets the launch after it begin likewise, when all blocks have called it.
#pragma once

#include <cstdint>

#include "bf16.h"

// Before a loop: how often the device's compiler is to unroll it.
#if defined(__CUDACC__)
#define UNROLL_PRAGMA(text) _Pragma(#text)
#define UNROLL(count) UNROLL_PRAGMA(unroll(count))
#else
#define UNROLL(count)
#endif

namespace pathpress::cuda {

// What one wide access moves: four floats, or eight Bf16, the lower index in the lower half of a word.
struct alignas(16) Words {
  uint32_t word[4];
};
struct alignas(8) WordPair {
  uint32_t word[2];
};

// The operands of one mma m16n8k16, spread over the warp as PTX has it: two Bf16 a word.
struct FragmentA {
  uint32_t word[4];  // 16 × 16
};
struct FragmentB {
  uint32_t word[2];  // 16 × 8
};
struct FragmentC {
  float value[4];  // 16 × 8
};

struct Grid {
  int blocks;
  int threads;  // of a block
};

}  // namespace pathpress::cuda

#if defined(__CUDACC__)
#include "gpu.h"
#else
#include "emulate/emulate.h"
#endif
