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
// any number of threads. Throws EngineError NO_THREAD, std::bad_alloc.
std::vector<int32_t> neighbourCounts(const float* vectors, size_t rows, int dim, std::span<const double> thresholds,
                                     const Kernels& kernels, int threads);

}  // namespace pathpress
