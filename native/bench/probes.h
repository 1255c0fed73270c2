// What the ceilings are measured with: loops that do nothing but load, or nothing but multiply and add. Compiled once for
// each instruction set, as the kernels are, so that a kernel is held against the best its own set can do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pathpress {

struct Probe {
  const char* name;  // as Kernels::name begins
  // Loads every byte of `bytes` (a multiple of 1024) once; the result depends on all of them. `ahead` bytes are fetched
  // in advance, none for 0.
  uint64_t (*read)(const std::byte* from, size_t bytes, size_t ahead);
  // `rounds` times as many multiply-adds as operationsARound / 2, from registers; the result depends on all of them.
  float (*multiplyAdd)(size_t rounds);
  size_t operationsARound;
  // Likewise for the dot product of bfloat16 pairs into float32; null where the set has none.
  float (*dot)(size_t rounds);
  size_t dotOperationsARound;
};

// The probe of a kernel's instruction set; its name is the beginning of the kernel's ("avx512" of "avx512bf16").
const Probe& probeFor(std::string_view kernels);

}  // namespace pathpress
