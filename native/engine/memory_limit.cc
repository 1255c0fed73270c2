#include "memory_limit.h"

#include <algorithm>
#include <fstream>

namespace pathpress {
namespace {

// The number in a file; `none` where there is no file, or no number in it ("max").
size_t numberIn(const std::string& path, size_t none) {
  std::ifstream file(path);
  unsigned long long value = 0;
  return file >> value ? static_cast<size_t>(value) : none;
}

bool lists(const std::string& controllers, const std::string& wanted) {
  return ("," + controllers + ",").find("," + wanted + ",") != std::string::npos;
}

}  // namespace

size_t memoryLimit(size_t physical, const std::string& root) {
  size_t limit = physical;
  std::ifstream groups(root + "/proc/self/cgroup");
  // A line is number:controllers:path; number 0 without controllers is version 2.
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && !lists(controllers, "memory")) continue;
    const std::string mount = root + "/sys/fs/cgroup" + (unified ? "" : "/memory");
    const char* file = unified ? "/memory.max" : "/memory.limit_in_bytes";
    // Inside a container the path may be the host's, which is not mounted: its root, the last one asked, then is ours.
    std::string path = line.substr(second + 1);
    while (true) {
      while (!path.empty() && path.back() == '/') path.pop_back();
      limit = std::min(limit, numberIn(mount + path + file, limit));
      if (path.empty()) break;
      path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return limit;
}

}  // namespace pathpress
