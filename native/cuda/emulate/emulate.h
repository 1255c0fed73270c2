// What device.h promises, on the host: checked, counted, and run by fibers.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>

#include "emulator.h"

#define KERNEL inline void
#define BOUNDED_KERNEL(threads, blocks) inline void
#define DEVICE inline
#define HOST_DEVICE
#define SHARED_ARRAY(type, name, count) \
  const SharedArray<type> name(emulate::current().sharedArray(#name, sizeof(type), count, emulate::Site::current()))

namespace pathpress::cuda {

using emulate::Site;
using Stream = Emulator*;
using Device = Emulator;  // memory and a stream, as the host has them

inline int blockIndex() { return emulate::current().block(); }
inline int gridBlocks() { return emulate::current().blocks(); }
inline int threadIndex() { return emulate::current().thread(); }
inline int blockThreads() { return emulate::current().threads(); }

inline float asFloat(uint32_t word) { return std::bit_cast<float>(word); }
inline uint32_t asWord(float value) { return std::bit_cast<uint32_t>(value); }
inline float toFloat(Bf16 value) { return asFloat(static_cast<uint32_t>(value.bits) << 16); }
inline Bf16 toBf16(float value) {
  const uint32_t bits = asWord(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return {static_cast<uint16_t>(0x7FFF)};
  return {static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
}
inline double asDouble(uint64_t word) { return std::bit_cast<double>(word); }
inline uint64_t asLongWord(double value) { return std::bit_cast<uint64_t>(value); }
inline float reciprocalRoot(float value) { return 1.0f / std::sqrt(value); }
inline float powerOfTwo(float exponent) { return std::exp2(exponent); }
inline double exponential(double exponent) { return std::exp(exponent); }
inline int leadingZeros(uint32_t word) { return std::countl_zero(word); }
inline int bitCount(uint32_t word) { return std::popcount(word); }

// An element's address in global memory (T const: only read). Copies of it are an address arithmetic of their own.
template <class T>
class Global {
 public:
  using Value = std::remove_const_t<T>;
  Global() = default;
  Global(emulate::Allocation* allocation, int64_t start) : allocation_(allocation), start_(start) {}
  operator Global<const T>() const { return {allocation_, start_}; }
  Global operator+(int64_t elements) const { return {allocation_, start_ + elements}; }
  explicit operator bool() const { return allocation_ != nullptr; }

  Value load(int64_t i, Site at = Site::current()) const { return loadIf(true, i, at); }
  Value loadIf(bool wanted, int64_t i, Site at = Site::current()) const { return get<Value>(wanted, i, at); }
  uint32_t load4If(bool wanted, int64_t i, Site at = Site::current()) const { return get<uint32_t>(wanted, i, at); }
  Words load16(int64_t i, Site at = Site::current()) const { return load16If(true, i, at); }
  Words load16If(bool wanted, int64_t i, Site at = Site::current()) const { return get<Words>(wanted, i, at); }
  WordPair load8If(bool wanted, int64_t i, Site at = Site::current()) const { return get<WordPair>(wanted, i, at); }
  // Of what no other block reads and this one reads once: past the caches.
  Words stream16If(bool wanted, int64_t i, Site at = Site::current()) const { return get<Words>(wanted, i, at); }
  void store(int64_t i, Value value, Site at = Site::current()) const { storeIf(true, i, value, at); }
  void storeIf(bool wanted, int64_t i, Value value, Site at = Site::current()) const { put(wanted, i, value, at); }
  void store4If(bool wanted, int64_t i, uint32_t word, Site at = Site::current()) const { put(wanted, i, word, at); }
  void store8If(bool wanted, int64_t i, const WordPair& words, Site at = Site::current()) const {
    put(wanted, i, words, at);
  }
  void store16(int64_t i, const Words& words, Site at = Site::current()) const { put(true, i, words, at); }
  void store16If(bool wanted, int64_t i, const Words& words, Site at = Site::current()) const {
    put(wanted, i, words, at);
  }
  // What was there before.
  Value add(int64_t i, Value value, Site at = Site::current()) const {
    unsigned char* there = emulate::atomicAccess(span<Value>(i), at);
    if (!there) return Value{};
    Value before;
    std::memcpy(&before, there, sizeof(Value));
    const Value after = before + value;
    std::memcpy(there, &after, sizeof(Value));
    return before;
  }

  template <class V>
  emulate::Span span(int64_t i) const {
    return {allocation_, (start_ + i) * static_cast<int64_t>(sizeof(T)), sizeof(V)};
  }
  emulate::Allocation* allocation() const { return allocation_; }

 private:
  emulate::Allocation* allocation_ = nullptr;
  int64_t start_ = 0;  // in elements

  template <class V>
  V get(bool wanted, int64_t i, const Site& at) const {
    V value{};
    if (wanted) emulate::read(span<V>(i), &value, at);
    else emulate::skip(span<V>(i), false, at);
    return value;
  }
  template <class V>
  void put(bool wanted, int64_t i, const V& value, const Site& at) const {
    if (wanted) emulate::write(span<V>(i), &value, at);
    else emulate::skip(span<V>(i), true, at);
  }
};

// An array of the block's shared memory.
template <class T>
class SharedArray {
 public:
  explicit SharedArray(emulate::Allocation* allocation) : elements_(allocation, 0) {}
  T get(int i, Site at = Site::current()) const { return elements_.load(i, at); }
  void set(int i, T value, Site at = Site::current()) const { elements_.store(i, value, at); }
  Words get16(int i, Site at = Site::current()) const { return elements_.load16(i, at); }
  void set16(int i, const Words& words, Site at = Site::current()) const { elements_.store16(i, words, at); }
  T add(int i, T value, Site at = Site::current()) const { return elements_.add(i, value, at); }
  template <class V>
  emulate::Span span(int64_t i) const { return elements_.template span<V>(i); }

 private:
  Global<T> elements_;
};

inline void barrier(Site at = Site::current()) { emulate::current().barrier(at); }
inline void warpBarrier(Site at = Site::current()) { emulate::current().warpBarrier(at); }

namespace emulate {
inline int laneOf() { return current().thread() % warpLanes; }
}  // namespace emulate

template <class T>
T shuffle(T value, int lane, Site at = Site::current()) {
  static_assert(sizeof(T) == 4);
  const auto& all = emulate::current().exchange({std::bit_cast<uint32_t>(value)}, at);
  return std::bit_cast<T>(all[static_cast<size_t>(lane) % 32][0]);
}
template <class T>
T shuffleXor(T value, int mask, Site at = Site::current()) {
  return cuda::shuffle(value, emulate::laneOf() ^ mask, at);  // not std::shuffle
}
inline uint32_t laneVotes(bool vote, Site at = Site::current()) {
  const auto& all = emulate::current().exchange({vote}, at);
  uint32_t votes = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) votes |= all[lane][0] << lane;
  return votes;
}

// c += a · b. Products are exact, sums in float32 by ascending k; the GPU's own order is not documented.
inline void mma(FragmentC& c, const FragmentA& a, const FragmentB& b, Site at = Site::current()) {
  const auto& all =
      emulate::current().exchange({a.word[0], a.word[1], a.word[2], a.word[3], b.word[0], b.word[1]}, at);
  const auto half = [](uint32_t word, int which) { return asFloat(which ? word & 0xFFFF0000u : word << 16); };
  const int lane = emulate::laneOf();
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int k = 0; k < 16; ++k) {
      const auto& left = all[static_cast<size_t>(row % 8 * 4 + k % 8 / 2)];
      const auto& right = all[static_cast<size_t>(column * 4 + k % 8 / 2)];
      c.value[i] += half(left[static_cast<size_t>(row / 8 + k / 8 * 2)], k % 2) *
                    half(right[static_cast<size_t>(4 + k / 8)], k % 2);
    }
  }
}

// ldmatrix x4: lane l names the start, at 16 bytes, of row l % 8 of matrix l / 8; word m holds two elements of
// matrix m.
template <bool transposed = false>
Words loadMatrices(const SharedArray<Bf16>& tile, int rowStart, Site at = Site::current()) {
  const auto& all = emulate::current().exchange({static_cast<uint32_t>(rowStart)}, at);
  const int lane = emulate::laneOf();
  Words words;
  for (int m = 0; m < 4; ++m) {
    uint32_t halves[2];
    for (int h = 0; h < 2; ++h) {
      const int row = transposed ? lane % 4 * 2 + h : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + h;
      const int start = static_cast<int>(all[static_cast<size_t>(m * 8 + row)][0]);
      if (start % 8 != 0) emulate::current().fault(emulate::Fault::misaligned, at, "a row of ldmatrix");
      halves[h] = tile.get(start + column, at).bits;
    }
    words.word[m] = halves[0] | halves[1] << 16;
  }
  return words;
}

// 16 bytes from global to shared memory, there after the wait for the group that a later commitCopies() closes.
template <class S, class T>
void copyAsync(const SharedArray<S>& to, int i, const Global<T>& from, int64_t j, Site at = Site::current()) {
  emulate::copyLater(to.template span<Words>(i), from.template span<Words>(j), at);
}
inline void commitCopies() { emulate::closeGroup(); }
// Until at most `left` of this thread's newest groups are under way. Other threads see the copies after a barrier.
template <int left>
void waitCopies() { emulate::current().wait(left); }

inline void awaitEarlier() { emulate::current().awaitEarlier(); }
inline void letNextBegin() {}

template <class... Parameters, class... Arguments>
void launch(Stream stream, Grid grid, void (*kernel)(Parameters...), const Arguments&... arguments) {
  stream->run(grid, [&] { kernel(arguments...); });
}
template <class... Parameters, class... Arguments>
void launchEarly(Stream stream, Grid grid, void (*kernel)(Parameters...), const Arguments&... arguments) {
  stream->run(grid, [&] { kernel(arguments...); }, true);
}

template <class T>
Global<const T> Emulator::input(const std::string& name, const std::vector<T>& values) {
  return {allocate(name, emulate::Space::input, sizeof(T), values.size(), values.data()), 0};
}
template <class T>
Global<T> Emulator::array(const std::string& name, const std::vector<T>& values) {
  return {allocate(name, emulate::Space::global, sizeof(T), values.size(), values.data()), 0};
}
template <class T>
Global<T> Emulator::unwritten(const std::string& name, size_t count) {
  return {allocate(name, emulate::Space::global, sizeof(T), count, nullptr), 0};
}
template <class T>
void Emulator::write(const Global<T>& to, int64_t first, const std::vector<T>& values) {
  const emulate::Span span = to.template span<T>(first);
  std::memcpy(bytesAt(span, values.size() * sizeof(T)), values.data(), values.size() * sizeof(T));
  markWritten(span, values.size() * sizeof(T));
}
template <class T>
std::vector<T> Emulator::read(const Global<T>& from, int64_t first, size_t count) const {
  std::vector<T> values(count);
  std::memcpy(values.data(), bytesAt(from.template span<T>(first), count * sizeof(T)), count * sizeof(T));
  return values;
}
template <class T>
std::vector<T> Emulator::values(const Global<T>& array) const {
  std::vector<T> copy(array.allocation()->bytes / sizeof(T));
  std::memcpy(copy.data(), array.allocation()->data(), array.allocation()->bytes);
  return copy;
}

}  // namespace pathpress::cuda

#include "arrival.h"
