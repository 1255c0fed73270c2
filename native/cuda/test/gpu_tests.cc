// The operation tests on a GPU. `gpu_tests product attention` runs those, `gpu_tests all` every one in a process of its
// own, since after an illegal access a process gets no answer from the GPU any more. Ends with 1 where a check failed,
// 2 where there is no GPU to run on.
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>

#include "world.h"

namespace pathpress::cuda {
namespace {

constexpr int noDevice = 2;
constexpr unsigned mostSeconds = 120;  // of a test, whose kernel may hang

// Empty where there is one.
std::string whyNoGpu() {
  int driver = 0, runtime = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver is installed";
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return {};
  const std::string why = error == cudaSuccess ? "the driver knows of none" : cudaGetErrorString(error);
  return why + " (driver for CUDA " + std::to_string(driver) + ", tests made with " + std::to_string(runtime) + ")";
}

void tellDevice() {
  cudaDeviceProp properties;
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess) return;
  std::printf("device %s, sm_%d%d, driver for CUDA %d, runtime %d\n", properties.name, properties.major,
              properties.minor, driver, runtime);
}

// A test that cannot go on has failed.
void runOne(const ListedTest& test) {
  ::alarm(mostSeconds);
  std::printf("test %s\n", test.first.c_str());
  const std::string error = check::thrown(test.second);
  CHECK_CASE(error.empty(), test.first + ", which ended early: " + error);
}

// Its exit status, or -1 where a signal ended it.
int runApart(const char* program, const std::string& name) {
  std::fflush(stdout);
  std::string own = name;
  char* arguments[] = {const_cast<char*>(program), own.data(), nullptr};
  pid_t child;
  int status = 0;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ) != 0) return -1;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

int runAll(const char* program) {
  int failed = 0;
  for (const ListedTest& test : listedTests()) {
    const int status = runApart(program, test.first);
    if (status == noDevice) return noDevice;  // it has said why
    if (status < 0) std::printf("test %s was ended by a signal\n", test.first.c_str());
    failed += status != 0;
  }
  std::printf("%zu tests, %d failed\n", listedTests().size(), failed);
  return failed == 0 ? 0 : 1;
}

int usage() {
  std::fprintf(stderr, "usage: gpu_tests all | TEST...\n");
  for (const ListedTest& test : listedTests()) std::fprintf(stderr, "  %s\n", test.first.c_str());
  return 1;
}

int run(int count, char** arguments) {
  std::ranges::sort(listedTests());
  if (count < 2) return usage();
  if (std::string("all") == arguments[1]) return runAll(arguments[0]);
  std::vector<ListedTest> chosen;
  for (int i = 1; i < count; ++i) {
    const auto named = [&](const ListedTest& test) { return test.first == arguments[i]; };
    const auto at = std::ranges::find_if(listedTests(), named);
    if (at == listedTests().end()) return usage();
    chosen.push_back(*at);
  }
  const std::string reason = whyNoGpu();
  if (!reason.empty()) {
    std::fprintf(stderr, "gpu_tests: no GPU to test: %s\n", reason.c_str());
    return noDevice;
  }
  tellDevice();
  for (const ListedTest& test : chosen) runOne(test);
  return checks();
}

}  // namespace
}  // namespace pathpress::cuda

int main(int count, char** arguments) { return pathpress::cuda::run(count, arguments); }
