#include "memory_limit.h"

#include <algorithm>
#include <fstream>
#include <limits>

namespace pathpress {
namespace {

// The number in a file; `none` where there is no file, or no number in it ("max").
size_t numberIn(const std::string& path, size_t none) {
  std::ifstream file(path);
  unsigned long long value = 0;
  return file >> value ? static_cast<size_t>(value) : none;
}

// The number after a key, in a file of lines "key number"; 0 where there is none.
size_t numberOf(const std::string& path, const std::string& wanted) {
  std::ifstream file(path);
  std::string key;
  for (unsigned long long value = 0; file >> key >> value; file.ignore(80, '\n')) {
    if (key == wanted) return static_cast<size_t>(value);
  }
  return 0;
}

bool lists(const std::string& controllers, const std::string& wanted) {
  return ("," + controllers + ",").find("," + wanted + ",") != std::string::npos;
}

// Calls each(folder, unified) for the process's control groups of memory and all above them.
template <class Each>
void forGroups(const std::string& root, const Each& each) {
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
    // Inside a container the path may be the host's, which is not mounted: its root, the last one asked, then is ours.
    std::string path = line.substr(second + 1);
    while (true) {
      while (!path.empty() && path.back() == '/') path.pop_back();
      each(mount + path, unified);
      if (path.empty()) break;
      path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
}

size_t limitOf(const std::string& group, bool unified, size_t none) {
  return numberIn(group + (unified ? "/memory.max" : "/memory.limit_in_bytes"), none);
}

}  // namespace

size_t memoryLimit(size_t physical, const std::string& root) {
  size_t limit = physical;
  forGroups(root, [&](const std::string& group, bool unified) { limit = std::min(limit, limitOf(group, unified, limit)); });
  return limit;
}

size_t memoryAvailable(const std::string& root) {
  size_t available = 1024 * numberOf(root + "/proc/meminfo", "MemAvailable:");
  forGroups(root, [&](const std::string& group, bool unified) {
    const size_t limit = limitOf(group, unified, std::numeric_limits<size_t>::max());
    const size_t used = numberIn(group + (unified ? "/memory.current" : "/memory.usage_in_bytes"), 0);
    const size_t files = numberOf(group + "/memory.stat", unified ? "inactive_file" : "total_inactive_file");
    const size_t held = used - std::min(used, files);
    available = std::min(available, limit - std::min(limit, held));
  });
  return available;
}

}  // namespace pathpress
