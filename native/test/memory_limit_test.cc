// The memory limit that a container sets, from control group files as version 1 and 2 of the kernel's interface lay
// them out (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
#include "../engine/memory_limit.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "check.h"

using namespace pathpress;
namespace fs = std::filesystem;

namespace {

constexpr size_t gib = size_t{1} << 30;
const fs::path root = fs::temp_directory_path() / ("pathpress-memory-" + std::to_string(::getpid()));

void write(const std::string& path, const std::string& text) {
  fs::create_directories((root / path).parent_path());
  std::ofstream(root / path) << text;
}

size_t limit() { return memoryLimit(16 * gib, root.string()); }

void start(const std::string& groups) {
  fs::remove_all(root);
  write("proc/self/cgroup", groups);
}

}  // namespace

int main() {
  fs::create_directories(root);
  CHECK(limit() == 16 * gib);  // no control groups

  start("0::/pod/job\n");
  CHECK(limit() == 16 * gib);
  write("sys/fs/cgroup/pod/job/memory.max", "max\n");
  CHECK(limit() == 16 * gib);
  write("sys/fs/cgroup/pod/memory.max", std::to_string(4 * gib) + "\n");
  CHECK(limit() == 4 * gib);  // the parent's
  write("sys/fs/cgroup/pod/job/memory.max", std::to_string(2 * gib) + "\n");
  CHECK(limit() == 2 * gib);
  write("sys/fs/cgroup/pod/job/memory.max", std::to_string(64 * gib) + "\n");
  CHECK(limit() == 4 * gib);  // above what there is

  start("0::/\n");  // a container's own namespace
  write("sys/fs/cgroup/memory.max", std::to_string(3 * gib) + "\n");
  CHECK(limit() == 3 * gib);

  start("12:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/docker/x\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", std::to_string(5 * gib) + "\n");  // the host's path is not mounted
  write("sys/fs/cgroup/memory.max", "max\n");
  CHECK(limit() == 5 * gib);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // version 1's "no limit"
  CHECK(limit() == 16 * gib);

  // What is available: the machine's, or what a group's limit leaves above what it holds, read files not counted.
  start("0::/pod\n");
  CHECK(memoryAvailable(root.string()) == 0);  // the system does not say
  write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1024 kB\nMemAvailable:    8388608 kB\n");
  CHECK(memoryAvailable(root.string()) == 8 * gib);
  write("sys/fs/cgroup/pod/memory.max", std::to_string(6 * gib) + "\n");
  write("sys/fs/cgroup/pod/memory.current", std::to_string(5 * gib) + "\n");
  write("sys/fs/cgroup/pod/memory.stat", "anon 1\ninactive_file " + std::to_string(2 * gib) + "\nactive_file 7\n");
  CHECK(memoryAvailable(root.string()) == 3 * gib);
  write("sys/fs/cgroup/pod/memory.current", std::to_string(9 * gib) + "\n");
  CHECK(memoryAvailable(root.string()) == 0);  // the limit was lowered
  start("4:memory:/x\n");
  write("proc/meminfo", "MemAvailable:    8388608 kB\n");
  write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", std::to_string(2 * gib) + "\n");
  write("sys/fs/cgroup/memory/x/memory.usage_in_bytes", std::to_string(2 * gib) + "\n");
  write("sys/fs/cgroup/memory/x/memory.stat", "cache 5\ntotal_inactive_file " + std::to_string(gib) + "\n");
  CHECK(memoryAvailable(root.string()) == gib);

  start("nonsense\n7:memory\n");
  CHECK(limit() == 16 * gib);
  fs::remove_all(root);
  return checks();
}
