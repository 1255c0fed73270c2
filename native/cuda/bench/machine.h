// What the benchmark asks of a device beside launches: its name and sizes, and how long launches take. In emulation a
// host's clock stands in, so that a run of the whole is a test of the benchmark and of nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../device.h"

namespace pathpress::cuda::bench {

struct Machine {
  std::string name, driver, runtime;
  int processors = 0;
  int clockKilohertz = 0, memoryClockKilohertz = 0;
  uint64_t bytes = 0, freeBytes = 0;  // of memory
  int cacheBytes = 0;                 // of L2
};

#if defined(__CUDACC__)

inline void checkCuda(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw EngineError("INTERNAL", std::string(what) + ": " + cudaGetErrorString(error));
}

inline Machine machineOf(int number) {
  cudaDeviceProp properties;
  checkCuda(cudaGetDeviceProperties(&properties, number), "the GPU");
  Machine machine;
  machine.name = properties.name;
  int version = 0;
  checkCuda(cudaDriverGetVersion(&version), "the driver");
  machine.driver = std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  checkCuda(cudaRuntimeGetVersion(&version), "the runtime");
  machine.runtime = std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  machine.processors = properties.multiProcessorCount;
  machine.cacheBytes = properties.l2CacheSize;
  checkCuda(cudaDeviceGetAttribute(&machine.clockKilohertz, cudaDevAttrClockRate, number), "the clock");
  checkCuda(cudaDeviceGetAttribute(&machine.memoryClockKilohertz, cudaDevAttrMemoryClockRate, number), "the clock");
  size_t free = 0, total = 0;
  checkCuda(cudaMemGetInfo(&free, &total), "the GPU's memory");
  machine.bytes = total;
  machine.freeBytes = free;
  return machine;
}

inline uint64_t freeBytes() { return machineOf(0).freeBytes; }

inline std::unique_ptr<Device> openDevice() { return std::make_unique<Device>(0); }

class Stopwatch {
 public:
  explicit Stopwatch(Device& device) : stream_(device.stream()) {
    checkCuda(cudaEventCreate(&start_), "an event");
    checkCuda(cudaEventCreate(&end_), "an event");
  }
  ~Stopwatch() {
    cudaEventDestroy(start_);
    cudaEventDestroy(end_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  double seconds(const std::function<void()>& launches) {
    checkCuda(cudaEventRecord(start_, stream_), "an event");
    launches();
    checkCuda(cudaGetLastError(), "a launch");
    checkCuda(cudaEventRecord(end_, stream_), "an event");
    checkCuda(cudaEventSynchronize(end_), "a measurement");
    float milliseconds = 0;
    checkCuda(cudaEventElapsedTime(&milliseconds, start_, end_), "a measurement");
    return double{milliseconds} * 1e-3;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t start_, end_;
};

#else

inline Machine machineOf(int) {
  Machine machine;
  machine.name = "emulation: no figure says anything of a GPU";
  return machine;
}

inline uint64_t freeBytes() { return 0; }

inline std::unique_ptr<Device> openDevice() {
  return std::make_unique<Device>(emulate::Order{emulate::Order::Kind::forward});
}

class Stopwatch {
 public:
  explicit Stopwatch(Device&) {}
  double seconds(const std::function<void()>& launches);
};

#endif

// The median of as many runs, after one that is not counted.
double medianSeconds(Stopwatch& watch, int runs, const std::function<void()>& launches);

}  // namespace pathpress::cuda::bench
