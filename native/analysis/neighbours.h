// How many other vectors each vector is similar to, without the matrix of all pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../engine/kernels.h"

namespace pathpress {

// For each threshold and row of `vectors` (rows, dim): the other rows whose dot product with it, summed in double
// precision by ascending column, is strictly above the threshold: (thresholds, rows). The same counts for any kernels and
// any number of threads. Only pairs whose lower row lies in [from, to) are counted, so that a caller may go through them in
// parts and add the counts up. Throws EngineError NO_THREAD, std::bad_alloc.
std::vector<int32_t> neighbourCounts(const float* vectors, size_t rows, int dim, std::span<const double> thresholds,
                                     const Kernels& kernels, int threads, size_t from, size_t to);

}  // namespace pathpress
