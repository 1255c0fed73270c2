#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

// Saves what a called function must keep, stores the stack pointer, takes the other's and restores what it had saved.
asm(R"(
.text
.globl pathpressSwitchFiber
.type pathpressSwitchFiber,@function
pathpressSwitchFiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pathpressSwitchFiber,.-pathpressSwitchFiber
)");

extern "C" void pathpressSwitchFiber(void** save, void* to);

namespace pathpress::cuda::emulate {
namespace {

constexpr size_t page = 4096, stackBytes = 64 << 10;
constexpr size_t savedRegisters = 6;

}  // namespace

Fibers::~Fibers() {
  for (const Stack& stack : stacks_) munmap(stack.memory, page + stackBytes);
}

void Fibers::start(size_t count, void (*run)()) {
  while (stacks_.size() < count) {
    void* memory = mmap(nullptr, page + stackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mprotect(memory, page, PROT_NONE);
    stacks_.push_back({static_cast<char*>(memory), nullptr});
  }
  for (size_t i = 0; i < count; ++i) {
    // The address of `run` lies at a multiple of 16, so that it finds the stack as a call would have left it.
    auto* end = reinterpret_cast<uintptr_t*>(stacks_[i].memory + page + stackBytes);
    uintptr_t* entry = end - 2;
    *entry = reinterpret_cast<uintptr_t>(run);
    stacks_[i].top = entry - savedRegisters;
  }
}

void Fibers::enter(size_t fiber) { pathpressSwitchFiber(&outside_, stacks_[fiber].top); }

void Fibers::leave(size_t fiber) { pathpressSwitchFiber(&stacks_[fiber].top, outside_); }

}  // namespace pathpress::cuda::emulate
