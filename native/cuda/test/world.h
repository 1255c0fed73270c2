// What the tests of kernels share, with a meaning on the host and one on a GPU: TestDevice, the device that a test
// holds; everyOrder() and what else runs a test on devices of its own; CUDA_TEST, the test itself. A test's source is
// the same for both: in emulation each is a program (CTest), on a GPU all together are one (gpu_tests.cc).
#pragma once

#include "../../test/check.h"
#include "../device.h"

#if defined(__CUDACC__)
#include "gpu_world.h"
#else
#include "emulated_world.h"
#endif
