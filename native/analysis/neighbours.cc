// Dot products go through the back end's matrix kernel in float32, block against block. Its rounding error has a bound
// whatever the order of summation; a pair that lies within it of a threshold is computed again in double precision, so
// the counts are those of the double sums.
#include "neighbours.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "../engine/thread_pool.h"

namespace pathpress {
namespace {

constexpr size_t leftRows = 64, rightRows = 256;  // whole panels; with 384 columns some 0.5 MB: the second cache

double exactDot(const float* a, const float* b, int dim) {
  double sum = 0;
  for (int k = 0; k < dim; ++k) sum += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return sum;
}

// |float32 sum − exact sum| ≤ γ·‖a‖·‖b‖ with γ = d·u / (1 − d·u), u = 2^-24, in any order of summation (N. Higham,
// Accuracy and Stability of Numerical Algorithms, §3.1); infinite where float32 may overflow.
double errorBound(const float* vectors, size_t rows, int dim) {
  double largest = 0;
  for (size_t row = 0; row < rows; ++row) {
    const float* vector = vectors + row * static_cast<size_t>(dim);
    const double square = exactDot(vector, vector, dim);
    if (!(square < 1e37)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, square);
  }
  const double roundings = (dim + 8) * 0x1p-24;  // 8 more: the double sum's own rounding, and this bound's
  if (roundings > 0.5) return std::numeric_limits<double>::infinity();
  return roundings / (1 - roundings) * largest + 1e-37;  // the last for what underflows
}

struct Comparison {
  const float* vectors;
  size_t rows;
  int dim;
  std::span<const double> thresholds;
  double bound;

  const float* row(size_t i) const { return vectors + i * static_cast<size_t>(dim); }

  // Counts the pair (i, j), whose float32 product is `product`, in counts (thresholds, rows).
  void count(size_t i, size_t j, double product, int32_t* counts) const {
    bool exact = false;
    for (size_t t = 0; t < thresholds.size(); ++t) {
      if (!exact && !(std::abs(product - thresholds[t]) > bound)) {
        product = exactDot(row(i), row(j), dim);
        exact = true;
      }
      if (!(product > thresholds[t])) continue;
      ++counts[t * rows + i];
      ++counts[t * rows + j];
    }
  }
};

}  // namespace

std::vector<int32_t> neighbourCounts(const float* vectors, size_t rows, int dim, std::span<const double> thresholds,
                                     const Kernels& kernels, int threads, size_t from, size_t to) {
  to = std::min(to, rows);
  if (from >= to || thresholds.empty()) return std::vector<int32_t>(thresholds.size() * rows);
  const Comparison comparison{vectors, rows, dim, thresholds, errorBound(vectors, rows, dim)};
  const double below = *std::min_element(thresholds.begin(), thresholds.end()) - comparison.bound;
  const auto blocks = static_cast<int>((to - from + leftRows - 1) / leftRows);
  ThreadPool pool(blocks < 4 ? 1 : threads);
  const auto workers = static_cast<size_t>(pool.threads());
  std::vector<std::vector<int32_t>> counts(workers, std::vector<int32_t>(thresholds.size() * rows));
  std::vector<std::vector<float>> products(workers, std::vector<float>(leftRows * rightRows));
  const Matrix right{comparison.row(from), DType::f32, static_cast<int>(rows - from), dim};  // no pair's higher row is lower
  std::vector<std::byte> panels(packedBytes(DType::f32, right.rows, dim));
  packPanels(right, 0, panelsOf(right.rows), panels.data());
  const Matrix packed{panels.data(), DType::f32, right.rows, dim, nullptr, true};
  pool.run(blocks, false, [&](int block, int worker) {
    const size_t i0 = from + static_cast<size_t>(block) * leftRows;
    const size_t left = std::min(leftRows, to - i0);
    float* out = products[static_cast<size_t>(worker)].data();
    for (size_t j0 = i0; j0 < rows; j0 += rightRows) {
      const size_t columns = std::min(rightRows, rows - j0);
      const Matrix matrix = packed.rowsFrom(static_cast<int>(j0 - from), static_cast<int>(columns));
      kernels.matmul(matrix, 0, matrix.rows, comparison.row(i0), static_cast<size_t>(dim), static_cast<int>(left), out, rightRows, nullptr);
      for (size_t i = 0; i < left; ++i) {
        for (size_t j = i0 == j0 ? i + 1 : 0; j < columns; ++j) {
          const double product = out[i * rightRows + j];
          if (product < below) continue;
          comparison.count(i0 + i, j0 + j, product, counts[static_cast<size_t>(worker)].data());
        }
      }
    }
  });
  for (size_t worker = 1; worker < workers; ++worker) {
    std::transform(counts[0].begin(), counts[0].end(), counts[worker].begin(), counts[0].begin(), std::plus<>());
  }
  return counts[0];
}

}  // namespace pathpress
