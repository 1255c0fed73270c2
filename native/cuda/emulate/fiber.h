// A thread of a block as a fiber: a stack of its own and a switch of six pushes (3 to 10 ns; ucontext takes 300).
// Linux on x86-64 only: the emulator is a test device.
#pragma once

#include <cstddef>
#include <vector>

namespace pathpress::cuda::emulate {

// As many stacks as the largest block has asked for, each with a page below it that no one may touch.
class Fibers {
 public:
  Fibers() = default;
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // Fibers [0, count) will start `run` afresh; what they were doing is forgotten. `run` must never return.
  void start(size_t count, void (*run)());
  void enter(size_t fiber);  // until that fiber leaves
  void leave(size_t fiber);  // called on it: back to where it was entered

 private:
  struct Stack {
    char* memory;
    void* top;  // the stack pointer while the fiber does not run
  };
  std::vector<Stack> stacks_;
  void* outside_ = nullptr;
};

}  // namespace pathpress::cuda::emulate
