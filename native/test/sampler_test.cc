// Sampling: the distribution, the filters by hand, and random numbers against the published Philox vectors.
#include <algorithm>
#include <cmath>

#include "../engine/random.h"
#include "../engine/sampler.h"
#include "check.h"

using namespace pathpress;

namespace {

SamplerScratch scratch;
const Kernels& kernels = selectKernels("");

// Ids that can come out at all, by trying a fine grid of random numbers.
std::vector<int> reachable(const std::vector<float>& logits, const Sampling& sampling) {
  std::vector<int> ids;
  for (int i = 0; i < 10000; ++i) {
    const int id = sample(kernels, logits, sampling, (i + 0.5) / 10000, scratch);
    if (ids.empty() || ids.back() != id) ids.push_back(id);
  }
  return ids;
}

void philoxVectors() {  // Random123's kat_vectors, philox4x32-10
  const auto gives = [](PhiloxCounter counter, PhiloxKey key, PhiloxCounter want) {
    const PhiloxCounter got = philox(counter, key);
    return std::equal(got.word, got.word + 4, want.word);
  };
  CHECK(gives({0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  CHECK(gives({ones, ones, ones, ones}, {ones, ones}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK(gives({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
              {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

void streams() {
  const int32_t a[2] = {3, 4}, b[2] = {4, 3};
  CHECK(uniform(7, a, 9) == uniform(7, a, 9));
  CHECK(uniform(7, a, 9) != uniform(8, a, 9));
  CHECK(uniform(7, a, 9) != uniform(7, b, 9));
  CHECK(uniform(7, a, 9) != uniform(7, a, 10));
  CHECK(uniform(uint64_t{1} << 40, a, 9) != uniform(0, a, 9));
  double sum = 0;
  for (uint64_t step = 0; step < 100000; ++step) sum += uniform(1, a, step);
  CHECK(std::abs(sum / 100000 - 0.5) < 0.005);  // 5 standard errors
}

void greedy() {
  CHECK(sample(kernels, std::vector<float>{1, 3, 3, 2}, {}, 0.99, scratch) == 1);
  CHECK(sample(kernels, std::vector<float>{-5}, {}, 0.5, scratch) == 0);
}

// Probabilities 0.4, 0.3, 0.2, 0.1 at ids 2, 0, 3, 1.
const std::vector<float> four = {std::log(0.3f), std::log(0.1f), std::log(0.4f), std::log(0.2f)};

void filters() {
  CHECK((reachable(four, {.temperature = 1}) == std::vector<int>{0, 1, 2, 3}));
  CHECK((reachable(four, {.temperature = 1, .topK = 2}) == std::vector<int>{0, 2}));
  CHECK((reachable(four, {.temperature = 1, .topP = 0.69}) == std::vector<int>{0, 2}));
  CHECK((reachable(four, {.temperature = 1, .topP = 0.71}) == std::vector<int>{0, 2, 3}));
  CHECK((reachable(four, {.temperature = 1, .topP = 1e-9}) == std::vector<int>{2}));
  CHECK((reachable(four, {.temperature = 1, .minP = 0.51}) == std::vector<int>{0, 2}));
  // top-k first: of the two left, 0.4 / 0.7 = 0.571 of the mass is id 2, so that top-p 0.55 leaves it alone
  CHECK((reachable(four, {.temperature = 1, .topP = 0.55, .topK = 2}) == std::vector<int>{2}));
  CHECK((reachable(four, {.temperature = 1, .topP = 0.55}) == std::vector<int>{0, 2}));
  // temperature before min-p: at 2 the ratio of 0.1 to 0.4 is 1/2
  CHECK((reachable(four, {.temperature = 2, .minP = 0.49}) == std::vector<int>{0, 1, 2, 3}));
  CHECK((reachable({1, 1, 1, 1}, {.temperature = 1, .topK = 2}) == std::vector<int>{0, 1}));
}

void distribution() {
  const double expected[] = {0.3, 0.1, 0.4, 0.2};
  int counts[4] = {};
  const int32_t stream[2] = {0, 0};
  constexpr int draws = 100000;
  for (uint64_t step = 0; step < draws; ++step) {
    ++counts[sample(kernels, four, {.temperature = 1}, uniform(11, stream, step), scratch)];
  }
  double chiSquare = 0;
  for (int i = 0; i < 4; ++i) {
    chiSquare += std::pow(counts[i] - draws * expected[i], 2) / (draws * expected[i]);
  }
  CHECK(chiSquare < 16.27);  // 3 degrees of freedom, p = 0.001
}

}  // namespace

int main() {
  philoxVectors();
  streams();
  greedy();
  filters();
  distribution();
  return checks();
}
