// For functions that the host's compiler and the device's both know.
#pragma once

#if defined(__CUDACC__)
#define PATHPRESS_EVERYWHERE __host__ __device__
#else
#define PATHPRESS_EVERYWHERE
#endif
