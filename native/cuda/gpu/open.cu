#include "open.h"

#include "../../engine/errors.h"
#include "../engine/backend.h"

namespace pathpress::cuda {
namespace {

std::string version(int number) { return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10); }

// Whose code is there where that of all kernels is.
KERNEL probe() {}

std::string lookForGpu() {
  int driver = 0, runtime = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "there is no NVIDIA driver";
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) {
    return "the driver is of CUDA " + version(driver) + ", the engine needs one of " + version(runtime) + " or newer";
  }
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) return "the driver finds no GPU";
  if (error != cudaSuccess) return cudaGetErrorString(error);
  cudaFuncAttributes attributes;
  const cudaError_t code = cudaFuncGetAttributes(&attributes, probe);
  if (code == cudaSuccess) return {};
  cudaGetLastError();  // else the next call would answer with it
  cudaDeviceProp properties{};
  cudaGetDeviceProperties(&properties, 0);
  return std::string("no kernels for ") + properties.name + ", sm_" +
         std::to_string(properties.major * 10 + properties.minor) + ": " + cudaGetErrorString(code);
}

}  // namespace

std::string whyUnavailable() {
  static const std::string why = lookForGpu();
  return why;
}

std::unique_ptr<Backend> openBackend(const EngineOptions& options) {
  const std::string why = whyUnavailable();
  if (!why.empty()) throw EngineError("CUDA_UNAVAILABLE", "device cuda: " + why);
  CudaOptions own;
  own.threads = options.threads;
  own.cacheLimit = options.cacheLimit;
  // From the files straight to the device.
  return std::make_unique<CudaBackend>(std::make_unique<Device>(0),
                                       loadModel(options.config, options.weightFiles, options.threads, 0), own);
}

}  // namespace pathpress::cuda
