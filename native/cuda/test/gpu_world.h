// World of a test on a GPU: memory whose neighbourhood is looked after, each kernel run once, in the GPU's own order.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../emulate/faults.h"
#include "../emulate/traffic.h"

// The test as a row of gpu_tests.
#define CUDA_TEST(name)                                                          \
  static void name##Test();                                                      \
  static const bool name##Listed = pathpress::cuda::listTest(#name, name##Test); \
  static void name##Test()

namespace pathpress::cuda {

constexpr bool onGpu = true;

using ListedTest = std::pair<std::string, void (*)()>;
inline std::vector<ListedTest>& listedTests() {
  static std::vector<ListedTest> all;
  return all;
}
inline bool listTest(const std::string& name, void (*test)()) {
  listedTests().emplace_back(name, test);
  return true;
}

// Of a GPU's threads no one chooses.
struct Order {};
constexpr Order forward, reverse;
constexpr Order shuffled(uint64_t) { return {}; }

// A Device whose memory begins as NaN in every type, has guards on both sides, and shows whether a kernel wrote to an
// input.
class TestDevice : public Device {
 public:
  explicit TestDevice(Order) : Device(0) {}

  template <class T>
  Global<const T> input(const std::string& name, const std::vector<T>& values) {
    const Global<T> made = array(name, values);
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    blocks_.back().input.assign(bytes, bytes + values.size() * sizeof(T));
    return made;
  }
  template <class T>
  Global<T> array(const std::string& name, const std::vector<T>& values) {
    const Global<T> made = unwritten<T>(name, values.size());
    if (!values.empty()) write(made, 0, values);
    return made;
  }
  template <class T>
  std::vector<T> values(const Global<T>& array) const {
    return read(array, 0, blockAt(array.address(0)).bytes / sizeof(T));
  }

  // Waits for the stream. Only writes out of bounds are seen; what is read there is NaN and spoils the values.
  const emulate::Faults& faults() {
    for (const Block& block : blocks_) look(block);
    return faults_;
  }

  void release(size_t arrays) override {
    Device::release(arrays);
    blocks_.erase(blocks_.begin() + static_cast<int64_t>(arrays), blocks_.end());
  }

  // For what emulatedOnly() leaves out.
  void limit(size_t) { throw std::logic_error("memory is limited in emulation alone"); }
  void omitHostWait(int) { throw std::logic_error("waits are omitted in emulation alone"); }
  const emulate::Traffic& traffic(const std::string& = "") const {
    throw std::logic_error("traffic is counted in emulation alone");
  }

 private:
  static constexpr size_t guardBytes = 1024;  // a whole number of the alignments that cudaMalloc gives
  struct Block {
    std::string name;
    unsigned char* start = nullptr;
    size_t bytes = 0;
    std::vector<unsigned char> input;
  };
  std::vector<Block> blocks_;
  emulate::Faults faults_;

  // NaN in every type too, and no number that a kernel writes by itself.
  static const std::vector<unsigned char>& guard() {
    static const std::vector<unsigned char> pattern = [] {
      std::vector<unsigned char> bytes;
      while (bytes.size() < guardBytes) bytes.insert(bytes.end(), {0xC1, 0xFF});
      return bytes;
    }();
    return pattern;
  }

  void* allocate(const std::string& name, size_t bytes) override {
    auto* start = static_cast<unsigned char*>(Device::allocate(name, bytes + 2 * guardBytes)) + guardBytes;
    write(Global<unsigned char>(start - guardBytes), 0, guard());
    write(Global<unsigned char>(start), 0, std::vector<unsigned char>(bytes, 0xFF));
    write(Global<unsigned char>(start + bytes), 0, guard());
    blocks_.push_back({name, start, bytes, {}});
    return start;
  }

  void freeAt(const void* array) override {
    Block& block = const_cast<Block&>(blockAt(array));
    look(block);
    Device::freeAt(block.start - guardBytes);
    block = {};
  }

  const Block& blockAt(const void* start) const {
    for (const Block& block : blocks_) {
      if (block.start == start) return block;
    }
    throw std::invalid_argument("no array starts there");
  }

  void look(const Block& block) {
    if (!block.start) return;  // given back
    look(block, block.start - guardBytes, guard(), "memory before the array");
    look(block, block.start + block.bytes, guard(), "memory behind the array");
    if (!block.input.empty()) look(block, block.start, block.input, "input");
  }
  void look(const Block& block, unsigned char* at, const std::vector<unsigned char>& want, const char* what) {
    if (read(Global<unsigned char>(at), 0, want.size()) == want) return;
    const bool input = !block.input.empty() && at == block.start;
    faults_.add(input ? emulate::Fault::readOnly : emulate::Fault::bounds, emulate::Site::current(),
                block.name + ", " + what + " was written");
  }
};

inline void leftOut(const std::string& what) { std::printf("left out on a GPU: %s\n", what.c_str()); }

// `run` on a fresh device; a fault or a CUDA error fails the test and is printed.
inline void everyOrder(const std::string& what, const std::function<void(TestDevice&)>& run) {
  TestDevice device(forward);
  run(device);
  const std::string faults = device.faults().text();
  CHECK_CASE(faults.empty(), what + ":\n" + faults);
}
inline void everyOrderSees(emulate::Fault, const std::string& what, const std::function<void(TestDevice&)>&) {
  leftOut("a planted fault, " + what);
}
inline void everyOmissionIsSeen(const std::string& what, const std::function<void(TestDevice&)>&) {
  leftOut("each barrier omitted, " + what);
}
inline void emulatedOnly(const char* what, void (*)()) { leftOut(what); }

}  // namespace pathpress::cuda
