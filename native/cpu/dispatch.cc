#include <string>
#include <vector>

#include "../engine/errors.h"
#include "../engine/kernels.h"

namespace pathpress {

extern const Kernels scalarKernels;
#ifdef PATHPRESS_X86
extern const Kernels avx2Kernels;
extern const Kernels avx512Kernels;
extern const Bf16Kernels avx512Bf16Kernels;
#endif
#ifdef PATHPRESS_NEON
extern const Kernels neonKernels;
#endif

namespace {

std::vector<const Kernels*> detect() {
  std::vector<const Kernels*> found = {&scalarKernels};
#ifdef PATHPRESS_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
    found.push_back(&avx2Kernels);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      static Kernels avx512 = avx512Kernels;
      if (__builtin_cpu_supports("avx512bf16")) avx512.bf16 = &avx512Bf16Kernels;
      found.push_back(&avx512);
    }
  }
#endif
#ifdef PATHPRESS_NEON
  found.push_back(&neonKernels);  // part of every 64-bit ARM
#endif
  return found;
}

}  // namespace

std::span<const Kernels* const> availableKernels() {
  static const std::vector<const Kernels*> found = detect();
  return found;
}

const Kernels& selectKernels(std::string_view name) {
  const auto found = availableKernels();
  if (name.empty()) return *found.back();
  std::string known;
  for (const Kernels* kernels : found) {
    if (name == kernels->name) return *kernels;
    known += (known.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw EngineError("BAD_OPTION", "simd \"" + std::string(name) + "\" is not one of " + known);
}

}  // namespace pathpress
