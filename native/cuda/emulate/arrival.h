// Values on their way to the host, which meanwhile gives the stream more to do. Launches are done when they return here: a
// read that nothing waited for would see what a GPU has not written yet. So what is sent is poison until the wait.
#pragma once

#include <cstring>
#include <vector>

namespace pathpress::cuda {

template <class T>
class Arrival {
 public:
  Arrival(Emulator& device, size_t count) : device_(device), values_(count) { forget(); }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  void send(const Global<T>& from) {
    sent_ = device_.read(from, 0, values_.size());
    forget();
  }
  void wait() {
    if (device_.passesOverWait()) return;
    values_ = sent_;
    there_ = true;
  }
  const T& operator[](size_t i) const { return at(i); }

 private:
  Emulator& device_;
  std::vector<T> sent_, values_;
  bool there_ = false;

  void forget() {
    std::memset(values_.data(), 0xFF, values_.size() * sizeof(T));
    there_ = false;
  }
  const T& at(size_t i, Site site = Site::current()) const {
    if (!there_) device_.readTooEarly(site, "value " + std::to_string(i) + " of " + std::to_string(values_.size()));
    return values_.at(i);
  }
};

}  // namespace pathpress::cuda
