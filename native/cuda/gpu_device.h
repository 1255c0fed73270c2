// Memory and a stream of a GPU, as the host has them: what Emulator is where the host stands in for one.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../engine/errors.h"

namespace pathpress::cuda {

template <class T>
class Arrival;

class Device {
 public:
  // Throws EngineError INTERNAL, as every call may, with what CUDA says.
  explicit Device(int number) {
    check(cudaSetDevice(number), "GPU " + std::to_string(number));
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
  }
  virtual ~Device() {
    for (const auto& [key, graph] : graphs_) cudaGraphExecDestroy(graph);
    for (void* memory : memory_) cudaFree(memory);
    cudaStreamDestroy(stream_);
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  Stream stream() const { return stream_; }

  // Throws EngineError OUT_OF_MEMORY naming what, the bytes, and those at hand.
  template <class T>
  Global<T> unwritten(const std::string& name, size_t count) {
    return Global<T>(static_cast<T*>(allocate(name, count * sizeof(T))));
  }
  template <class T>
  Global<const T> input(const std::string& name, const std::vector<T>& values) {
    const Global<T> made = unwritten<T>(name, values.size());
    write(made, 0, values);
    return made;
  }

  // Of the GPU's memory, with what else is on it.
  size_t freeBytes() const { return freeAndTotal().first; }
  // What was allocated since there were so many arrays is freed, and no step is recorded any more.
  size_t arrays() const { return memory_.size(); }
  virtual void release(size_t arrays) {
    wait();
    for (const auto& [key, graph] : graphs_) cudaGraphExecDestroy(graph);
    graphs_.clear();
    for (; memory_.size() > arrays; memory_.pop_back()) cudaFree(memory_.back());
  }
  // One array alone, when all that the stream was given is done: its place among the arrays stays.
  template <class T>
  void giveBack(const Global<T>& array) {
    wait();
    freeAt(array.address(0));
  }
  // Until all that the stream was given is done.
  void wait() { check(cudaStreamSynchronize(stream_), "a step"); }
  std::string architecture() const {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, 0), "the GPU's properties");
    return "sm_" + std::to_string(properties.major * 10 + properties.minor);
  }

  // In the stream's order; `values` may go when it returns.
  template <class T>
  void write(const Global<T>& to, int64_t first, const std::vector<T>& values) {
    check(cudaMemcpyAsync(to.address(first), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice, stream_),
          "a copy to the GPU");
  }
  // Waits for the stream.
  template <class T>
  std::vector<T> read(const Global<T>& from, int64_t first, size_t count) const {
    std::vector<T> values(count);
    check(cudaMemcpyAsync(values.data(), from.address(first), count * sizeof(T), cudaMemcpyDeviceToHost, stream_),
          "a copy from the GPU");
    check(cudaStreamSynchronize(stream_), "a step");
    return values;
  }

  // Launches that are the same ones at every call with this key: recorded at the first, replayed as a graph from then
  // on. False where `launches` says so.
  bool replay(int key, const std::function<bool()>& launches) {
    auto at = graphs_.find(key);
    if (at == graphs_.end()) {
      cudaGraph_t graph;
      check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "recording a step");
      bool done = false;
      try {
        done = launches();
      } catch (...) {  // else the stream would go on recording
        if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess) cudaGraphDestroy(graph);
        throw;
      }
      check(cudaStreamEndCapture(stream_, &graph), "recording a step");
      cudaGraphExec_t ready = nullptr;
      const cudaError_t error = done ? cudaGraphInstantiate(&ready, graph, 0) : cudaSuccess;
      cudaGraphDestroy(graph);
      check(error, "a step's graph");
      if (!done) return false;
      at = graphs_.emplace(key, ready).first;
    }
    check(cudaGraphLaunch(at->second, stream_), "a step");
    return true;
  }

 protected:
  virtual void* allocate(const std::string& name, size_t bytes) {
    void* memory = nullptr;
    if (cudaMalloc(&memory, bytes) != cudaSuccess) {
      cudaGetLastError();  // else the next call would answer with it
      const auto [free, total] = freeAndTotal();
      throw EngineError("OUT_OF_MEMORY", name + " needs " + std::to_string(bytes) + " bytes of the GPU's memory; " +
                                             std::to_string(free) + " of " + std::to_string(total) + " are free");
    }
    memory_.push_back(memory);
    return memory;
  }
  virtual void freeAt(const void* array) {
    void*& memory = *std::find(memory_.begin(), memory_.end(), array);
    cudaFree(memory);
    memory = nullptr;
  }

 private:
  template <class T>
  friend class Arrival;

  cudaStream_t stream_ = nullptr;
  std::vector<void*> memory_;
  std::map<int, cudaGraphExec_t> graphs_;

  static std::pair<size_t, size_t> freeAndTotal() {
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "the GPU's memory");
    return {free, total};
  }
  static void check(cudaError_t error, const std::string& what) {
    if (error != cudaSuccess) throw EngineError("INTERNAL", what + ": " + cudaGetErrorString(error));
  }
};

// Values on their way to the host, which meanwhile gives the stream more to do: in memory that is pinned, so that the copy
// waits for nobody. Of devices that outlive it.
template <class T>
class Arrival {
 public:
  Arrival(Device& device, size_t count) : device_(device), count_(count) {
    Device::check(cudaMallocHost(&values_, count * sizeof(T)), "pinned memory");
    Device::check(cudaEventCreateWithFlags(&there_, cudaEventDisableTiming), "an event");
  }
  ~Arrival() {
    cudaStreamSynchronize(device_.stream_);
    cudaEventDestroy(there_);
    cudaFreeHost(values_);
  }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  // As they are when the stream is done with what it was given so far; those sent before are given up.
  void send(const Global<T>& from) {
    Device::check(cudaMemcpyAsync(values_, from.address(0), count_ * sizeof(T), cudaMemcpyDeviceToHost, device_.stream_),
                  "a copy from the GPU");
    Device::check(cudaEventRecord(there_, device_.stream_), "an event");
  }
  // Until they are there, whatever else the stream has to do.
  void wait() { Device::check(cudaEventSynchronize(there_), "a step"); }
  // Good after a wait, until others are sent.
  const T& operator[](size_t i) const { return values_[i]; }

 private:
  Device& device_;
  size_t count_;
  T* values_ = nullptr;
  cudaEvent_t there_ = nullptr;
};

}  // namespace pathpress::cuda
