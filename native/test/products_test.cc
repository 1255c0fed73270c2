// Products of weights and inputs on every instruction set that this processor has, against sums in double precision
// written here. Weights and inputs end where a page that nobody may touch begins, so that a read past them is a fault;
// sentinels stand behind every row of the output.
#include <sys/mman.h>
#include <unistd.h>

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

int draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }
float gauss() { return std::normal_distribution<float>()(generator); }

// Memory whose last byte is the last that may be read.
class Guarded {
 public:
  explicit Guarded(size_t bytes) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGE_SIZE));
    const size_t held = (bytes + page - 1) / page * page;
    mapped_ = held + page;
    base_ = static_cast<std::byte*>(
        ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || ::mprotect(base_ + held, page, PROT_NONE) != 0) std::abort();
    data_ = base_ + held - bytes;
  }
  ~Guarded() { ::munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  template <class T>
  T* as() { return static_cast<T*>(static_cast<void*>(data_)); }

 private:
  size_t mapped_;
  std::byte *base_, *data_;
};

struct Case {
  DType type;
  int rows, cols, tokens;
  size_t inputStride;  // what lies between a token's inputs and the next one's is no number
  Guarded weights, inputs, rounded;
  Guarded panels;
  std::vector<float> scales;
  Matrix matrix, packed;

  Case(DType type, int rows, int cols, int tokens)
      : type(type), rows(rows), cols(cols), tokens(tokens), inputStride(static_cast<size_t>(cols + draw(0, 20))),
        weights(count(rows) * dtypeBytes(type)),
        inputs(inputCount() * 4), rounded(inputCount() * 2), panels(packedBytes(type, rows, cols)),
        scales(static_cast<size_t>(rows), 1.0f), matrix{weights.as<void>(), type, rows, cols, scales.data()},
        packed{panels.as<void>(), type, rows, cols, scales.data(), true} {
    if (type == DType::i8) {
      for (float& scale : scales) scale = std::exp(gauss());
    }
    for (size_t i = 0; i < count(rows); ++i) {
      const float value = gauss();
      const uint16_t half = type == DType::f16 ? floatToF16(value) : floatToBf16(value);
      if (type == DType::i8) weights.as<int8_t>()[i] = static_cast<int8_t>(draw(-128, 127));
      else if (type == DType::f32) std::memcpy(weights.as<std::byte>() + i * 4, &value, 4);
      else std::memcpy(weights.as<std::byte>() + i * 2, &half, 2);
    }
    for (size_t i = 0; i < inputCount(); ++i) {
      inputs.as<float>()[i] = i % inputStride < static_cast<size_t>(cols) ? gauss() : NAN;
    }
    packPanels(matrix, 0, panelsOf(rows), panels.as<std::byte>());
  }

  size_t inputAt(int token) const { return static_cast<size_t>(token) * inputStride; }
  size_t inputCount() const { return inputAt(tokens - 1) + static_cast<size_t>(cols); }
  size_t count(int many) const { return static_cast<size_t>(many) * static_cast<size_t>(cols); }

  // How far `out` (tokens, stride) is from exact sums, in shares of the sum of the terms' sizes, for rows [begin, end);
  // infinite where another place was written.
  double distance(const std::vector<float>& out, int begin, int end, int stride) {
    double worst = 0;
    for (int t = 0; t < tokens; ++t) {
      for (int r = 0; r < stride; ++r) {
        const float got = out[static_cast<size_t>(t * stride + r)];
        if (r < begin || r >= end) {
          if (got != sentinel) return INFINITY;
          continue;
        }
        double sum = 0, size = 0;
        for (int k = 0; k < cols; ++k) {
          const double term = static_cast<double>(scales[static_cast<size_t>(r)]) *
                              static_cast<double>(matrix.at(r, k)) *
                              static_cast<double>(inputs.as<float>()[inputAt(t) + static_cast<size_t>(k)]);
          sum += term;
          size += std::abs(term);
        }
        worst = std::max(worst, std::abs(static_cast<double>(got) - sum) / (size + 0.1));
      }
    }
    return worst;
  }

  std::string text(const Kernels& kernels) const {
    return std::string(kernels.name) + " " + dtypeName(type) + " rows " + std::to_string(rows) + " cols " +
           std::to_string(cols) + " tokens " + std::to_string(tokens);
  }
};

// How a kernel is called, with inputs in float32 or rounded to bfloat16.
using Multiply = void (*)(const Kernels&, const Matrix&, Case&, int begin, int end, int token, int tokens, float* out,
                          size_t stride);

void plain(const Kernels& kernels, const Matrix& matrix, Case& of, int begin, int end, int token, int tokens, float* out,
           size_t stride) {
  kernels.matmul(matrix, begin, end, of.inputs.as<float>() + of.inputAt(token), of.inputStride, tokens, out, stride,
                 token % 2 ? static_cast<const std::byte*>(matrix.data) : nullptr);
}

void rounded(const Kernels& kernels, const Matrix& matrix, Case& of, int begin, int end, int token, int tokens, float* out,
             size_t stride) {
  kernels.bf16->matmul(matrix, begin, end, of.rounded.as<uint16_t>() + of.inputAt(token), of.inputStride, tokens, out,
                       stride, token % 2 ? static_cast<const std::byte*>(matrix.data) : nullptr);
}

void sums(const Kernels& kernels, Multiply multiply, Case& of) {
  const int begin = draw(0, of.rows - 1), end = draw(begin + 1, of.rows), stride = of.rows + 3;
  std::vector<float> out(static_cast<size_t>(of.tokens * stride), sentinel);
  multiply(kernels, of.matrix, of, begin, end, 0, of.tokens, out.data(), static_cast<size_t>(stride));
  CHECK_CASE(of.distance(out, begin, end, stride) <= 1e-6, of.text(kernels));
}

// The same element has the same bits whatever tokens and rows share the call, in a packed matrix too.
void invariance(const Kernels& kernels, Multiply multiply, Case& of) {
  const auto stride = static_cast<size_t>(of.rows);
  std::vector<float> together(stride * static_cast<size_t>(of.tokens)), apart = together;
  multiply(kernels, of.packed, of, 0, of.rows, 0, of.tokens, together.data(), stride);
  for (int token = 0, tokens; token < of.tokens; token += tokens) {
    tokens = token % 2 ? draw(1, of.tokens - token) : 1;
    for (int begin = 0, end; begin < of.rows; begin = end) {
      end = draw(begin + 1, of.rows);
      const Matrix& matrix = begin % panelRows == 0 && draw(0, 1) ? of.packed : of.matrix;
      multiply(kernels, matrix, of, begin, end, token, tokens, apart.data() + static_cast<size_t>(token) * stride, stride);
    }
  }
  CHECK_CASE(std::memcmp(together.data(), apart.data(), apart.size() * sizeof(float)) == 0, of.text(kernels));
}

// Each element where it is said to be, zeros beside them.
void packing(Case& of) {
  bool equal = true;
  size_t others = 0;
  for (int r = 0; r < of.rows; ++r) {
    for (int k = 0; k < of.cols; ++k) {
      equal &= of.packed.at(r, k) == of.matrix.at(r, k);
      others += of.matrix.at(r, k) != 0;
    }
  }
  const size_t held = packedBytes(of.type, of.rows, of.cols) / dtypeBytes(of.type);
  for (size_t i = 0; i < held; ++i) others -= loadElement(of.packed.data, of.type, i) != 0;
  CHECK(equal && others == 0);
}

void both(const Kernels& kernels, Case& of) {
  packing(of);
  sums(kernels, plain, of);
  invariance(kernels, plain, of);
  if (!kernels.bf16 || of.type != DType::bf16) return;
  kernels.bf16->round(of.inputs.as<float>(), of.inputCount(), of.rounded.as<uint16_t>());
  bool nearest = true;
  for (size_t i = 0; i < of.inputCount(); ++i) {
    float& input = of.inputs.as<float>()[i];
    if (std::isnan(input)) continue;
    nearest &= of.rounded.as<uint16_t>()[i] == floatToBf16(input);
    input = bf16ToFloat(floatToBf16(input));  // what the exact sums are of
  }
  CHECK_CASE(nearest, of.text(kernels));
  sums(kernels, rounded, of);
  invariance(kernels, rounded, of);
}

}  // namespace

int main() {
  for (const Kernels* kernels : availableKernels()) {
    std::printf("%s%s\n", kernels->name, kernels->bf16 ? ", bf16" : "");
    for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::i8}) {
      for (int cols = 1; cols <= 131; ++cols) {
        Case of(type, draw(1, 70), cols, draw(1, 27));
        both(*kernels, of);
      }
      for (int rows = 1; rows <= 13; ++rows) {
        for (int tokens = 1; tokens <= 9; ++tokens) {
          Case of(type, rows, 70, tokens);
          both(*kernels, of);
        }
      }
      // Inputs that no kernel's share of the second-level cache holds at once, in two chunks and in more.
      for (const int tokens : {53, 67, 150}) {
        Case wide(type, 37, 6211, tokens);
        both(*kernels, wide);
      }
    }
  }
  return checks();
}
