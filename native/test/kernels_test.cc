// Every kernel of every instruction set that this processor has, against a reference in double precision written here,
// on odd sizes, with sentinels behind every output.
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

// A matrix with storage of exactly its size, so that a read past the end is a read past an allocation.
struct Stored {
  std::vector<std::byte> bytes;
  Matrix matrix;
};

uint16_t toHalf(float value) {  // a normal half near the value; which one does not matter here
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const int exponent = static_cast<int>((bits >> 23) & 0xFF) - 112;
  if (exponent <= 0) return 0;
  return static_cast<uint16_t>(((bits >> 16) & 0x8000u) | (static_cast<uint32_t>(exponent) << 10) | ((bits >> 13) & 0x3FFu));
}

Stored randomMatrix(DType type, int rows, int cols) {
  Stored stored;
  const auto count = static_cast<size_t>(rows) * static_cast<size_t>(cols);
  stored.bytes.resize(count * dtypeBytes(type));
  for (size_t i = 0; i < count; ++i) {
    const float value = gauss();
    const uint16_t half = type == DType::f16 ? toHalf(value) : floatToBf16(value);
    if (type == DType::f32) std::memcpy(stored.bytes.data() + i * 4, &value, 4);
    else std::memcpy(stored.bytes.data() + i * 2, &half, 2);
  }
  stored.matrix = {stored.bytes.data(), type, rows, cols};
  return stored;
}

void matmul(const Kernels& kernels) {
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    for (int cols = 1; cols <= 67; ++cols) {
      const int rows = 1 + static_cast<int>(generator() % 21), tokens = 1 + static_cast<int>(generator() % 9);
      const Stored weight = randomMatrix(type, rows, cols);
      const std::vector<float> input = gaussian(static_cast<size_t>(tokens * cols));
      const int begin = static_cast<int>(generator() % static_cast<unsigned>(rows)), stride = rows + 3;
      std::vector<float> out(static_cast<size_t>(tokens * stride), sentinel);
      kernels.matmul(weight.matrix, begin, rows, input.data(), tokens, out.data(), static_cast<size_t>(stride));
      bool close = true, untouched = true;
      for (int t = 0; t < tokens; ++t) {
        for (int r = 0; r < stride; ++r) {
          const float got = out[static_cast<size_t>(t * stride + r)];
          if (r < begin || r >= rows) {
            untouched &= got == sentinel;
            continue;
          }
          double sum = 0, size = 0;
          for (int k = 0; k < cols; ++k) {
            const double term = static_cast<double>(loadElement(weight.matrix.data, type, static_cast<size_t>(r * cols + k))) *
                                static_cast<double>(input[static_cast<size_t>(t * cols + k)]);
            sum += term;
            size += std::abs(term);
          }
          close &= std::abs(static_cast<double>(got) - sum) <= 1e-6 * size + 1e-7;
        }
      }
      const std::string at = std::string(kernels.name) + " " + dtypeName(type) + " cols " + std::to_string(cols);
      CHECK_CASE(close, at);
      CHECK_CASE(untouched, at);
    }
  }
}

// The same element has the same bits whatever tokens and rows share the call.
void invariance(const Kernels& kernels) {
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    const int rows = 23, cols = 61, tokens = 11;
    const Stored weight = randomMatrix(type, rows, cols);
    const std::vector<float> input = gaussian(static_cast<size_t>(tokens * cols));
    std::vector<float> together(static_cast<size_t>(tokens * rows)), alone = together;
    kernels.matmul(weight.matrix, 0, rows, input.data(), tokens, together.data(), rows);
    for (int t = 0; t < tokens; ++t) {
      for (int begin = 0; begin < rows; begin += 5) {
        kernels.matmul(weight.matrix, begin, std::min(rows, begin + 5), input.data() + t * cols, 1, alone.data() + t * rows, rows);
      }
    }
    CHECK_CASE(together == alone, std::string(kernels.name) + " " + dtypeName(type));
  }
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

}  // namespace

int main() {
  for (const Kernels* kernels : availableKernels()) {
    std::printf("%s\n", kernels->name);
    matmul(*kernels);
    invariance(*kernels);
    swiglu(*kernels);
  }
  return checks();
}
