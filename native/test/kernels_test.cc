// Attention and SwiGLU of every instruction set that this processor has, against a reference in double precision written
// here, on odd sizes, with sentinels behind every output. Products are in products_test.cc.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "../engine/kernels.h"
#include "check.h"

using namespace pathpress;

namespace {

std::mt19937 generator(3);
constexpr float sentinel = 12345.0f;

float gauss() { return std::normal_distribution<float>()(generator); }

std::vector<float> gaussian(size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = gauss();
  return values;
}

void swiglu(const Kernels& kernels) {
  for (size_t count = 1; count <= 50; ++count) {
    std::vector<float> gate = gaussian(count), up = gaussian(count);
    for (float& value : gate) value *= 20;
    if (count > 2) gate[0] = 200, gate[1] = -200;
    std::vector<float> out = gate;
    out.push_back(sentinel);
    kernels.swiglu(out.data(), up.data(), count);
    bool close = out[count] == sentinel;
    for (size_t i = 0; i < count; ++i) {
      const double g = static_cast<double>(gate[i]);
      const double expected = g / (1 + std::exp(-g)) * static_cast<double>(up[i]);
      close &= std::abs(static_cast<double>(out[i]) - expected) <= 2e-6 * std::abs(expected) + 1e-30;
    }
    CHECK_CASE(close, std::string(kernels.name) + " count " + std::to_string(count));
  }
}

// Against the C++ library's search, with equals, and each place in turn NaN or infinite.
void highest(const Kernels& kernels) {
  for (size_t count = 1; count <= 70; ++count) {
    std::vector<float> logits = gaussian(count);
    if (count > 2) logits[count / 2] = logits[count - 1] = 9;
    const auto expected = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    bool right = kernels.highest(logits.data(), count) == expected;
    for (size_t i = 0; i < count; ++i) {
      const float kept = logits[i];
      for (const float fault : {NAN, INFINITY, -INFINITY}) {
        logits[i] = fault;
        right &= kernels.highest(logits.data(), count) == count;
      }
      logits[i] = kept;
    }
    CHECK_CASE(right, std::string(kernels.name) + " count " + std::to_string(count));
  }
}

// Against the C library's exponential; a weight below 1e-300 may be anything as small.
void temper(const Kernels& kernels) {
  for (size_t count = 1; count <= 50; ++count) {
    std::vector<float> logits = gaussian(count);
    for (float& value : logits) value *= 20;
    if (count > 2) logits[0] = -1e5f;
    std::vector<double> weights(count + 1, -1);
    const float top = *std::max_element(logits.begin(), logits.end());
    const double temperature = count % 2 ? 0.6 : 1;
    const double sum = kernels.temper(logits.data(), count, top, temperature, weights.data());
    bool close = weights[count] == -1;
    double all = 0;
    for (size_t i = 0; i < count; ++i) {
      const double expected = std::exp(static_cast<double>(logits[i] - top) / temperature);
      close &= std::abs(weights[i] - expected) <= 5e-16 * expected + 1e-300;
      close &= logits[i] != top || weights[i] == 1;
      all += expected;
    }
    close &= std::abs(sum - all) <= 1e-15 * all;
    CHECK_CASE(close, std::string(kernels.name) + " count " + std::to_string(count));
  }
}

}  // namespace

int main() {
  for (const Kernels* kernels : availableKernels()) {
    std::printf("%s\n", kernels->name);
    swiglu(*kernels);
    highest(*kernels);
    temper(*kernels);
  }
  return checks();
}
