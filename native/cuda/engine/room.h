// Arrays on the device that are as large as the largest use of them so far.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "../../engine/errors.h"
#include "../device.h"

namespace pathpress::cuda {

template <class T>
class Room {
 public:
  explicit Room(std::string name) : name_(std::move(name)) {}

  // At least `count` elements, whose values nobody knows: twice as many as before where there is memory for it. Throws
  // EngineError OUT_OF_MEMORY, with what it had as it was.
  Global<T> of(Device& device, size_t count) {
    if (count <= count_) return array_;
    size_t made = std::max(count, 2 * count_);
    const Global<T> array = [&] {
      try {
        return device.unwritten<T>(name_, made);
      } catch (const EngineError& error) {
        if (error.code != "OUT_OF_MEMORY" || made == count) throw;
        return device.unwritten<T>(name_, made = count);
      }
    }();
    giveBack(device);
    count_ = made;
    return array_ = array;
  }
  // These values, in the stream's order.
  Global<T> of(Device& device, const std::vector<T>& values) {
    of(device, values.size());
    device.write(array_, 0, values);
    return array_;
  }

  // None of it is left.
  void giveBack(Device& device) {
    if (count_ > 0) device.giveBack(array_);
    array_ = {};
    count_ = 0;
  }

 private:
  std::string name_;
  Global<T> array_;
  size_t count_ = 0;
};

}  // namespace pathpress::cuda
