// What the emulator saw that a kernel must not do. Values often stay right all the same: a test asserts there is none.
#pragma once

#include <cstdint>
#include <map>
#include <source_location>
#include <string>
#include <utility>

namespace pathpress::cuda::emulate {

using Site = std::source_location;

enum class Fault : uint8_t { race, bounds, unwritten, misaligned, readOnly, divergence, notAwaited, early };

inline const char* faultName(Fault fault) {
  constexpr const char* names[] = {"race", "out of bounds", "read of unwritten memory", "misaligned", "write to input",
                                   "divergence", "host read without a wait", "before earlier launches ended"};
  return names[static_cast<int>(fault)];
}

// The first fault of a kind at a line is told, the others are counted.
class Faults {
 public:
  void add(Fault fault, const Site& site, const std::string& what) {
    auto& row = rows_[{fault, site.file_name(), site.line()}];
    if (row.count++ == 0) row.message = what;
  }
  bool none() const { return rows_.empty(); }
  bool saw(Fault fault) const {
    for (const auto& [key, row] : rows_) {
      if (key.fault == fault) return true;
    }
    return false;
  }
  std::string text() const {
    std::string all;
    for (const auto& [key, row] : rows_) {
      all += key.file + ":" + std::to_string(key.line) + ": " + faultName(key.fault) + ": " + row.message + " (" +
             std::to_string(row.count) + " times)\n";
    }
    return all;
  }

 private:
  struct Key {
    Fault fault;
    std::string file;
    uint32_t line;
    auto operator<=>(const Key&) const = default;
  };
  struct Row {
    uint64_t count = 0;
    std::string message;
  };
  std::map<Key, Row> rows_;
};

}  // namespace pathpress::cuda::emulate
