// How much memory this process may have.
#pragma once

#include <cstddef>
#include <string>

namespace pathpress {

// Bytes: the machine's physical memory, or less where a control group (a container) limits it: the least memory.max
// (cgroup v2) or memory.limit_in_bytes (v1) of the process's group and those above it. `root` stands before /proc and
// /sys, for tests.
size_t memoryLimit(size_t physical, const std::string& root = "");

// Bytes that the system gives without reclaiming more than files it has read (Linux: MemAvailable), less where the
// process's control groups leave less to their limits; 0 where the system does not say.
size_t memoryAvailable(const std::string& root = "");

}  // namespace pathpress
