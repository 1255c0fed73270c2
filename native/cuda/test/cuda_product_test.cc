// The product of packed weights against the CPU engine's scalar kernel.
#include <cmath>

#include "../../engine/kernels.h"
#include "../product.cu"
#include "draw.h"
#include "world.h"

namespace pathpress::cuda {
namespace {

struct Case {
  int rows, cols, tokens;
  std::string name() const {
    return std::to_string(rows) + " × " + std::to_string(cols) + ", " + std::to_string(tokens) + " tokens";
  }
};

struct Inputs {
  std::vector<uint16_t> weight, input;

  explicit Inputs(const Case& c)
      : weight(drawBf16(static_cast<size_t>(c.rows * c.cols), 4)),
        input(drawBf16(static_cast<size_t>(c.cols * maxProductTokens), 5)) {  // the same tokens in every batch
    input.resize(static_cast<size_t>(c.cols * c.tokens));
  }
};

std::vector<Bf16> onDevice(Emulator& device, const Case& c, const Inputs& in) {
  WeightProduct task;
  task.weight = device.input("weight", asBf16(packWeights(in.weight, c.rows, c.cols)));
  task.input = device.input("input", asBf16(in.input));
  task.out = device.unwritten<Bf16>("out", static_cast<size_t>(c.rows * c.tokens));
  task.rows = c.rows;
  task.cols = c.cols;
  task.tokens = c.tokens;
  CHECK(multiply(&device, task));
  return device.values(task.out);
}

// (tokens, rows), of the inputs as they are or of their absolute values, which bound the error of the sums.
std::vector<float> onCpu(const Case& c, const Inputs& in, bool absolute) {
  const uint16_t kept = absolute ? 0x7FFFu : 0xFFFFu;
  std::vector<uint16_t> weight = in.weight;
  for (uint16_t& bits : weight) bits &= kept;
  std::vector<float> values;
  for (const uint16_t bits : in.input) values.push_back(bf16ToFloat(bits & kept));
  std::vector<float> out(static_cast<size_t>(c.rows * c.tokens));
  const Matrix matrix{weight.data(), DType::bf16, c.rows, c.cols};
  selectKernels("scalar").matmul(matrix, 0, c.rows, values.data(), c.tokens, out.data(), static_cast<size_t>(c.rows));
  return out;
}

const std::vector<Case>& cases() {
  // Rows that leave a block's last tiles empty, cols that end within a step, token tiles full and ragged.
  static const std::vector<Case> all{{16, 8, 1},    {48, 64, 3},    {64, 40, 8},   {128, 96, 9},   {80, 264, 16},
                                     {256, 512, 1}, {144, 320, 17}, {96, 128, 33}, {160, 256, 64}, {4608, 64, 5}};
  return all;
}

void values() {
  for (const Case& c : cases()) {
    const Inputs in(c);
    const std::vector<float> want = onCpu(c, in, false), size = onCpu(c, in, true);
    everyOrder(c.name(), [&](Emulator& device) {
      const std::vector<Bf16> out = onDevice(device, c, in);
      int wrong = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        const float error = std::abs(toFloat(out[i]) - want[i]);
        wrong += !(error <= std::abs(want[i]) * 0x1p-8f + size[i] * 1e-6f);
      }
      CHECK_CASE(wrong == 0, c.name() + ": " + std::to_string(wrong) + " of " + std::to_string(want.size()));
    });
  }
}

// The law of the engine: a token's values are the same bits alone and among strangers.
void tokensAloneAndTogether() {
  const Case many{176, 416, 64};
  const Inputs in(many);
  Emulator device({emulate::Order::Kind::shuffled, 9});
  const std::vector<Bf16> all = onDevice(device, many, in);
  for (const int token : {0, 7, 8, 41, 63}) {
    Inputs one = in;
    one.input.assign(in.input.begin() + token * many.cols, in.input.begin() + (token + 1) * many.cols);
    Emulator alone({emulate::Order::Kind::forward});
    const std::vector<Bf16> single = onDevice(alone, {many.rows, many.cols, 1}, one);
    bool same = true;
    const Bf16* among = &all[static_cast<size_t>(token * many.rows)];
    for (size_t r = 0; r < single.size(); ++r) same &= single[r].bits == among[r].bits;
    CHECK_CASE(same, "token " + std::to_string(token));
  }
}

void barriers() {
  for (const int tokens : {1, 33}) {
    const Case c{64, 128, tokens};
    everyOmissionIsSeen("product, " + c.name(), [&](Emulator& device) { onDevice(device, c, Inputs(c)); });
  }
}

// Weights are counted as often as they are asked for: each once. The tokens' rows go to every block and are counted
// once, since a cache keeps them (64 × 3584 × 2 bytes against 50 MB); how often they are asked for is printed.
void bytes() {
  for (const int tokens : {1, 8, 16, 64}) {
    const Case c{512, 512, tokens};
    Emulator device({emulate::Order::Kind::forward});
    onDevice(device, c, Inputs(c));
    const emulate::Traffic &weight = device.traffic("weight"), &input = device.traffic("input");
    const double needed = 2.0 * (c.rows * c.cols + tokens * (c.rows + c.cols));
    const double moved = static_cast<double>(weight.loaded + input.distinct + device.traffic("out").stored) * 32;
    std::printf("product %s: moved over needed %.3f; inputs asked for over weights %.3f\n", c.name().c_str(),
                moved / needed, static_cast<double>(input.loaded) / static_cast<double>(weight.loaded));
    CHECK_CASE(moved / needed <= 1.05, c.name());
    CHECK(weight.loaded == weight.distinct);
  }
}

void shapes() {
  CHECK(productSlices(16, 8) == 1);        // one step cannot be shared
  CHECK(productSlices(3584, 3584) == 8);   // 224 tiles would be 28 blocks
  CHECK(productSlices(37888, 3584) == 1);  // 2368 tiles are 296 blocks as they are
  CHECK(productSlices(18944, 3584) == 2);
  Emulator device({emulate::Order::Kind::forward});
  WeightProduct task;
  for (const auto& [rows, cols, tokens] : {Case{8, 8, 1}, {16, 12, 1}, {16, 8, 0}, {16, 8, 65}}) {
    task.rows = rows;
    task.cols = cols;
    task.tokens = tokens;
    CHECK(!multiply(&device, task));
  }
}

}  // namespace
}  // namespace pathpress::cuda

int main() {
  using namespace pathpress::cuda;
  values();
  tokensAloneAndTogether();
  barriers();
  bytes();
  shapes();
  return checks();
}
