// How often the n-grams of a text occur, at several of its prefixes, in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pathpress {

// `grams` different n-grams occur `times` times each.
struct Occurrences {
  uint32_t times;
  uint32_t grams;
};

// For each of `lengths` (ids, ascending, each at least n, the last at most 2^32 - 1): the occurrences of the n-grams of
// the first so many ids, by ascending times. Exact for any n ≥ 1 and any ids, and the same on any number of threads.
// Memory at its peak: 8 bytes an id (4 where few bits tell the grams of a partition apart); for each thread at most 2
// bytes an id, and 0.01 for each length; for each partition at hand at most 72 bytes a different gram, which is little
// unless ids were chosen to fall into one. Up to 256 MB of it stay, until the system wants them. Throws EngineError
// NO_THREAD, std::bad_alloc.
std::vector<std::vector<Occurrences>> gramOccurrences(const int32_t* ids, int n, std::span<const size_t> lengths,
                                                      int threads);

}  // namespace pathpress
