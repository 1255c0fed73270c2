// Gram counts against a map of vectors, on texts of one partition and of many, packed and long grams, at repeated and
// crossing lengths, and on texts chosen to be hard; a table of grams alone; neighbour counts against a double loop, with
// rows beyond a block.
#include <algorithm>
#include <map>

#include "../analysis/gram_counts.h"
#include "../analysis/gram_table.h"
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

// Counts that follow from how each text is made: one id over and over, none twice, one id with others between.
void gramsOfHardTexts() {
  const uint32_t count = 600000;
  const auto of = [&](const auto& id, int n) {
    std::vector<int32_t> ids(count);
    for (uint32_t i = 0; i < count; ++i) ids[i] = static_cast<int32_t>(id(i));
    const std::vector<size_t> lengths = {count / 3, count};
    std::vector<std::map<uint32_t, uint32_t>> found(2);
    const auto occurrences = gramOccurrences(ids.data(), n, lengths, 3);
    for (size_t i = 0; i < 2; ++i) {
      for (const Occurrences& each : occurrences[i]) found[i][each.times] = each.grams;
    }
    return found;
  };
  using Found = std::vector<std::map<uint32_t, uint32_t>>;
  for (const int n : {1, 2, 3, 4}) {
    const std::string name = "n " + std::to_string(n);
    const uint32_t some = count / 3 - static_cast<uint32_t>(n) + 1, all = count - static_cast<uint32_t>(n) + 1;
    CHECK_CASE((of([](uint32_t) { return (1u << 21) - 1; }, n) == Found{{{some, 1}}, {{all, 1}}}), name);
    CHECK_CASE((of([](uint32_t i) { return i + (1u << 20); }, n) == Found{{{1, some}}, {{1, all}}}), name);
    CHECK_CASE((of([](uint32_t i) { return ~i; }, n) == Found{{{1, some}}, {{1, all}}}), name);
  }
  const auto heavy = [](uint32_t i) { return i % 3 == 0 ? i + 2 : 1u; };
  CHECK((of(heavy, 1) == Found{{{1, count / 9 + 1}, {count * 2 / 9, 1}}, {{1, count / 3}, {count * 2 / 3, 1}}}));
  CHECK((of(heavy, 2) == Found{{{1, count * 2 / 9}, {count / 9, 1}}, {{1, count * 2 / 3 - 1}, {count / 3, 1}}}));
}

// A word many times while the table grows, among words that all belong into one place.
void tableOfChosenWords() {
  uint64_t inverse = goldenRatio;  // of the table's factor: each step doubles the bits that are right
  for (int i = 0; i < 6; ++i) inverse *= 2 - goldenRatio * inverse;
  const PackedGrams grams(nullptr, 1, 32);
  GramTable<uint64_t, PackedGrams> table(grams, 10);
  Reached reached;
  std::vector<uint64_t> words(256);
  const uint32_t blocks = 1500;
  for (uint32_t block = 0; block < blocks; ++block) {
    for (uint32_t i = 0; i < 256; i += 2) words[i] = inverse * (uint64_t{block * 128 + i / 2 + 1} << countBits);
    table.add(words.data(), words.data() + 256, words.data(), reached);
  }
  std::vector<uint32_t> frequent;
  table.listFrequent(frequent);
  CHECK(frequent == std::vector<uint32_t>{blocks * 128});
  CHECK(reached.times(0) == blocks * 128 + 1);
  CHECK(reached.times(1) == 1 && reached.times(listed - 1) == 1);
  table.clear();
  Reached again;
  table.add(words.data(), words.data() + 256, words.data(), again);
  CHECK(again.times(0) == 129 && again.times(1) == 1);
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
    CHECK_CASE(neighbourCounts(vectors.data(), rows, dim, thresholds, *kernels, 2, 0, rows) == expected, kernels->name);
    for (const size_t part : {1, 50, 64, 200}) {
      std::vector<int32_t> sum(2 * rows);
      for (size_t from = 0; from < rows; from += part) {
        const auto some = neighbourCounts(vectors.data(), rows, dim, thresholds, *kernels, 2, from, from + part);
        std::transform(sum.begin(), sum.end(), some.begin(), sum.begin(), std::plus<>());
      }
      CHECK_CASE(sum == expected, kernels->name);
    }
  }
  CHECK(neighbourCounts(nullptr, 0, dim, thresholds, *availableKernels()[0], 2, 0, 0).empty());
}

}  // namespace

int main() {
  grams();
  gramsOfPieces();
  gramsOfHardTexts();
  tableOfChosenWords();
  neighbours();
  return checks();
}
