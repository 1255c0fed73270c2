// Memory as kernels see it in emulation: an allocation whose every access is checked for bounds, alignment, having been
// written, and races.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "faults.h"
#include "shadow.h"
#include "traffic.h"

namespace pathpress::cuda::emulate {

enum class Space : uint8_t { input, global, shared };  // input: written by the host alone, so it needs no cells

struct Allocation {
  std::string name;
  Space space;
  uint32_t cellBytes;                // of one element
  std::vector<uint64_t> storage;     // so that the start is aligned; unwritten bytes are 0xFF, a NaN in every type
  uint64_t bytes;
  std::vector<Cell> cells;
  Meter meter;

  Allocation(std::string allocationName, Space where, uint32_t elementBytes, uint64_t count);
  unsigned char* data() { return reinterpret_cast<unsigned char*>(storage.data()); }
  void forget();  // shared memory at a block's start
};

// An access of the thread that runs. `offset` is in bytes and may be anything.
struct Span {
  Allocation* allocation;
  int64_t offset;
  uint32_t bytes;
};

void read(const Span& from, void* to, const Site& site);
void write(const Span& to, const void* from, const Site& site);
// A read-modify-write that no other atomic access comes between: `change` gets the bytes' address, null out of bounds.
unsigned char* atomicAccess(const Span& at, const Site& site);
void skip(const Span& at, bool store, const Site& site);  // the predicate was false: counted as asking for nothing

// Asynchronous copies: what is read was there at the call, what is written is poison until the wait.
void copyLater(const Span& to, const Span& from, const Site& site);
void closeGroup();
void awaitGroups(size_t left);  // until only that many of the thread's newest groups may be under way

}  // namespace pathpress::cuda::emulate
