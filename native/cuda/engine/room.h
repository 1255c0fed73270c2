// Arrays on the device that are as large as the largest use of them so far.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "../device.h"

namespace pathpress::cuda {

template <class T>
class Room {
 public:
  explicit Room(std::string name) : name_(std::move(name)) {}

  // At least `count` elements, whose values nobody knows. Throws EngineError OUT_OF_MEMORY.
  Global<T> of(Device& device, size_t count) {
    if (count > count_) {
      const size_t more = std::max(count, 2 * count_);  // what it had stays allocated: less than it has now
      array_ = device.unwritten<T>(name_, more);
      count_ = more;
    }
    return array_;
  }
  // These values, in the stream's order.
  Global<T> of(Device& device, const std::vector<T>& values) {
    of(device, values.size());
    device.write(array_, 0, values);
    return array_;
  }

 private:
  std::string name_;
  Global<T> array_;
  size_t count_ = 0;
};

}  // namespace pathpress::cuda
