// What device.h promises, on the GPU.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <string>
#include <type_traits>

#include "../engine/errors.h"

#define KERNEL static __global__ void
#define BOUNDED_KERNEL(threads, blocks) static __global__ void __launch_bounds__(threads, blocks)
#define DEVICE __device__ __forceinline__
#define HOST_DEVICE __host__ __device__
#define SHARED_ARRAY(type, name, count)             \
  __shared__ alignas(16) type name##Elements[count]; \
  const SharedArray<type> name(name##Elements)

namespace pathpress::cuda {

using Stream = cudaStream_t;

DEVICE int blockIndex() { return static_cast<int>(blockIdx.x); }
DEVICE int gridBlocks() { return static_cast<int>(gridDim.x); }
DEVICE int threadIndex() { return static_cast<int>(threadIdx.x); }
DEVICE int blockThreads() { return static_cast<int>(blockDim.x); }

DEVICE float asFloat(uint32_t word) { return __uint_as_float(word); }
DEVICE uint32_t asWord(float value) { return __float_as_uint(value); }
DEVICE float toFloat(Bf16 value) { return __uint_as_float(static_cast<uint32_t>(value.bits) << 16); }
DEVICE Bf16 toBf16(float value) { return {__bfloat16_as_ushort(__float2bfloat16_rn(value))}; }
DEVICE double asDouble(uint64_t word) { return __longlong_as_double(static_cast<long long>(word)); }
DEVICE uint64_t asLongWord(double value) { return static_cast<uint64_t>(__double_as_longlong(value)); }
DEVICE float reciprocalRoot(float value) { return rsqrtf(value); }
DEVICE float powerOfTwo(float exponent) { return exp2f(exponent); }
DEVICE double exponential(double exponent) { return exp(exponent); }
DEVICE int leadingZeros(uint32_t word) { return __clz(static_cast<int>(word)); }
DEVICE int bitCount(uint32_t word) { return __popc(word); }

template <class T>
class Global {
 public:
  using Value = std::remove_const_t<T>;
  Global() = default;
  __host__ __device__ explicit Global(T* elements) : elements_(elements) {}
  template <class U, class = std::enable_if_t<std::is_same<const U, T>::value>>
  __host__ __device__ Global(const Global<U>& other) : elements_(other.address(0)) {}
  __host__ __device__ Global operator+(int64_t elements) const { return Global(elements_ + elements); }
  __host__ __device__ explicit operator bool() const { return elements_ != nullptr; }

  __device__ __forceinline__ Value load(int64_t i) const { return elements_[i]; }
  __device__ __forceinline__ Value loadIf(bool wanted, int64_t i) const { return wanted ? elements_[i] : Value{}; }
  __device__ __forceinline__ uint32_t load4If(bool wanted, int64_t i) const {
    return wanted ? *reinterpret_cast<const uint32_t*>(elements_ + i) : 0;
  }
  __device__ __forceinline__ Words load16(int64_t i) const {
    return words(*reinterpret_cast<const uint4*>(elements_ + i));
  }
  __device__ __forceinline__ WordPair load8If(bool wanted, int64_t i) const {
    const uint2 read = wanted ? *reinterpret_cast<const uint2*>(elements_ + i) : uint2{};
    return {{read.x, read.y}};
  }
  __device__ __forceinline__ Words load16If(bool wanted, int64_t i) const { return wanted ? load16(i) : Words{}; }
  // No compiler moves it across awaitEarlier(), as they do ld.global.nc.
  __device__ __forceinline__ Words stream16If(bool wanted, int64_t i) const {
    uint4 read = {};
    if (wanted) {
      asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                   : "=r"(read.x), "=r"(read.y), "=r"(read.z), "=r"(read.w)
                   : "l"(elements_ + i));
    }
    return words(read);
  }
  __device__ __forceinline__ void store(int64_t i, Value value) const { elements_[i] = value; }
  __device__ __forceinline__ void storeIf(bool wanted, int64_t i, Value value) const {
    if (wanted) elements_[i] = value;
  }
  __device__ __forceinline__ void store4If(bool wanted, int64_t i, uint32_t word) const {
    if (wanted) *reinterpret_cast<uint32_t*>(elements_ + i) = word;
  }
  __device__ __forceinline__ void store8If(bool wanted, int64_t i, const WordPair& words) const {
    if (wanted) *reinterpret_cast<uint2*>(elements_ + i) = {words.word[0], words.word[1]};
  }
  __device__ __forceinline__ void store16(int64_t i, const Words& words) const {
    *reinterpret_cast<uint4*>(elements_ + i) = {words.word[0], words.word[1], words.word[2], words.word[3]};
  }
  __device__ __forceinline__ void store16If(bool wanted, int64_t i, const Words& words) const {
    if (wanted) store16(i, words);
  }
  __device__ __forceinline__ Value add(int64_t i, Value value) const { return atomicAdd(elements_ + i, value); }
  // For this file alone.
  __host__ __device__ T* address(int64_t i) const { return elements_ + i; }

 private:
  T* elements_ = nullptr;

  static __device__ __forceinline__ Words words(const uint4& read) { return {{read.x, read.y, read.z, read.w}}; }
};

template <class T>
class SharedArray {
 public:
  __device__ explicit SharedArray(T* elements) : elements_(elements) {}
  __device__ __forceinline__ T get(int i) const { return elements_[i]; }
  __device__ __forceinline__ void set(int i, T value) const { elements_[i] = value; }
  __device__ __forceinline__ Words get16(int i) const {
    const uint4 read = *reinterpret_cast<const uint4*>(elements_ + i);
    return {{read.x, read.y, read.z, read.w}};
  }
  __device__ __forceinline__ void set16(int i, const Words& words) const {
    *reinterpret_cast<uint4*>(elements_ + i) = {words.word[0], words.word[1], words.word[2], words.word[3]};
  }
  __device__ __forceinline__ T add(int i, T value) const { return atomicAdd(elements_ + i, value); }
  // For this file alone.
  __device__ __forceinline__ uint32_t address(int i) const {
    return static_cast<uint32_t>(__cvta_generic_to_shared(elements_ + i));
  }

 private:
  T* elements_;
};

DEVICE void barrier() { __syncthreads(); }
DEVICE void warpBarrier() { __syncwarp(); }

template <class T>
DEVICE T shuffle(T value, int lane) { return __shfl_sync(~0u, value, lane); }
template <class T>
DEVICE T shuffleXor(T value, int mask) { return __shfl_xor_sync(~0u, value, mask); }
DEVICE uint32_t laneVotes(bool vote) { return __ballot_sync(~0u, vote); }

DEVICE void mma(FragmentC& c, const FragmentA& a, const FragmentB& b) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c.value[0]), "+f"(c.value[1]), "+f"(c.value[2]), "+f"(c.value[3])
      : "r"(a.word[0]), "r"(a.word[1]), "r"(a.word[2]), "r"(a.word[3]), "r"(b.word[0]), "r"(b.word[1]));
}

template <bool transposed = false>
DEVICE Words loadMatrices(const SharedArray<Bf16>& tile, int rowStart) {
  Words read;
  if (transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(read.word[0]), "=r"(read.word[1]), "=r"(read.word[2]), "=r"(read.word[3])
                 : "r"(tile.address(rowStart))
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(read.word[0]), "=r"(read.word[1]), "=r"(read.word[2]), "=r"(read.word[3])
                 : "r"(tile.address(rowStart))
                 : "memory");
  }
  return read;
}

template <class S, class T>
DEVICE void copyAsync(const SharedArray<S>& to, int i, const Global<T>& from, int64_t j) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to.address(i)), "l"(from.address(j)) : "memory");
}
DEVICE void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int left>
DEVICE void waitCopies() { asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory"); }

// Programmatic dependent launch, which devices before sm_90 do not have: there launches follow one another whole.
DEVICE void awaitEarlier() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
DEVICE void letNextBegin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

inline bool launchesEarly() {
  int device = 0, major = 0;
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess && major >= 9;
}

// Throws EngineError INTERNAL where the GPU cannot begin it; what happens in it, the next call that waits says.
template <class... Parameters, class... Arguments>
void launch(Stream stream, Grid grid, void (*kernel)(Parameters...), const Arguments&... arguments) {
  kernel<<<grid.blocks, grid.threads, 0, stream>>>(arguments...);
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) throw EngineError("INTERNAL", std::string("a launch: ") + cudaGetErrorString(error));
}
template <class... Parameters, class... Arguments>
void launchEarly(Stream stream, Grid grid, void (*kernel)(Parameters...), const Arguments&... arguments) {
  static const bool early = launchesEarly();
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(grid.blocks));
  config.blockDim = dim3(static_cast<unsigned>(grid.threads));
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = early ? 1 : 0;
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
  if (error != cudaSuccess) throw EngineError("INTERNAL", std::string("a launch: ") + cudaGetErrorString(error));
}

}  // namespace pathpress::cuda

#include "gpu_device.h"
