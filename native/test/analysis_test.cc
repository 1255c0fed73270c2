// Gram counts against a map of vectors, on texts of one partition and of many, packed and long grams, at repeated and
// crossing lengths; neighbour counts against a double loop, with rows beyond a block.
#include <algorithm>
#include <map>

#include "../analysis/gram_counts.h"
#include "../analysis/neighbours.h"
#include "check.h"

using namespace pathpress;

namespace {

uint32_t draw(uint32_t& state) { return (state = state * 1664525u + 1013904223u) >> 8; }

void grams() {
  uint32_t state = 1;
  std::vector<int32_t> ids(200000);
  for (int32_t& id : ids) id = static_cast<int32_t>(draw(state) % (1 + draw(state) % 3000));
  for (const int32_t factor : {1, 0, 700000}) {  // the second: no bits an id; the third: 31
    std::vector<int32_t> text = ids;
    for (int32_t& id : text) id *= factor;
    for (const int n : {1, 2, 3, 7}) {
      const std::vector<size_t> lengths = {7, 7, 5000, 199999, 200000};
      std::map<std::vector<int32_t>, uint32_t> times;
      size_t at = 0;
      const auto found = gramOccurrences(text.data(), n, lengths, 3);
      for (size_t i = 0; i < lengths.size(); ++i) {
        for (; at + static_cast<size_t>(n) <= lengths[i]; ++at) ++times[{text.begin() + at, text.begin() + at + n}];
        std::map<uint32_t, uint32_t> expected, got;
        for (const auto& [gram, count] : times) ++expected[count];
        for (const Occurrences& occurrences : found[i]) got[occurrences.times] = occurrences.grams;
        CHECK_CASE(got == expected, "n " + std::to_string(n) + ", length " + std::to_string(lengths[i]));
      }
    }
  }
  CHECK(gramOccurrences(ids.data(), 1, {}, 2).empty());
}

// More ids than a piece has, between two lengths.
void gramsOfPieces() {
  uint32_t state = 5;
  std::vector<int32_t> ids(1200000);
  for (int32_t& id : ids) id = static_cast<int32_t>(draw(state) % (1 + draw(state) % 1000));
  std::vector<uint64_t> packed;
  const std::vector<size_t> lengths = {1000, ids.size()};
  const auto found = gramOccurrences(ids.data(), 3, lengths, 3);
  for (size_t i = 0; i < lengths.size(); ++i) {
    for (size_t at = packed.size(); at + 3 <= lengths[i]; ++at) {
      packed.push_back((static_cast<uint64_t>(ids[at]) * 1000 + static_cast<uint64_t>(ids[at + 1])) * 1000 +
                       static_cast<uint64_t>(ids[at + 2]));
    }
    std::vector<uint64_t> sorted = packed;
    std::sort(sorted.begin(), sorted.end());
    std::map<uint32_t, uint32_t> expected, got;
    for (auto run = sorted.begin(); run != sorted.end();) {
      const auto end = std::upper_bound(run, sorted.end(), *run);
      ++expected[static_cast<uint32_t>(end - run)];
      run = end;
    }
    for (const Occurrences& occurrences : found[i]) got[occurrences.times] = occurrences.grams;
    CHECK_CASE(got == expected, "length " + std::to_string(lengths[i]));
  }
}

void neighbours() {
  uint32_t state = 2;
  const size_t rows = 333;
  const int dim = 37;
  std::vector<float> vectors(rows * dim);
  for (float& x : vectors) x = static_cast<float>(draw(state) % 1000) / 3000 - 0.1f;
  const std::vector<double> thresholds = {0.1, 0.5};
  std::vector<int32_t> expected(2 * rows);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < rows; ++j) {
      double sum = 0;
      for (int k = 0; k < dim; ++k) sum += double{vectors[i * dim + k]} * double{vectors[j * dim + k]};
      for (size_t t = 0; t < 2; ++t) expected[t * rows + i] += i != j && sum > thresholds[t];
    }
  }
  for (const Kernels* kernels : availableKernels()) {
    CHECK_CASE(neighbourCounts(vectors.data(), rows, dim, thresholds, *kernels, 2) == expected, kernels->name);
  }
  CHECK(neighbourCounts(nullptr, 0, dim, thresholds, *availableKernels()[0], 2).empty());
}

}  // namespace

int main() {
  grams();
  gramsOfPieces();
  neighbours();
  return checks();
}
