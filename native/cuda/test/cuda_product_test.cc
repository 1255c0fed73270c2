// The product of packed weights against the CPU engine's scalar kernel.
#include <bit>
#include <cmath>

#include "../../engine/kernels.h"
#include "../pack.h"
#include "../product.h"
#include "../wide_product.h"
#include "closeness.h"
#include "draw.h"
#include "inputs.h"

namespace pathpress::cuda {
namespace {

// Of the sum of a row's absolute products, by which one in another order may be off. The GPU aligns the 16 products of
// an mma and what they are added to with the largest, and cuts off what lies below; in emulation each sum is rounded.
constexpr float sumBound = onGpu ? 4e-6f : 1e-6f;

struct Case {
  int rows, cols, tokens;
  Ending ending = Ending::stored;
  bool biased = false;
  int rowTiles = 0;  // of a warp, where more than 64 tokens ask for other blocks than they would have

  std::string name() const {
    constexpr const char* endings[] = {"", ", added", ", gated"};
    return std::to_string(rows) + " × " + std::to_string(cols) + ", " + std::to_string(tokens) + " tokens" +
           endings[static_cast<int>(ending)] + (biased ? ", biased" : "") +
           (rowTiles > 0 ? ", tiles of a warp: " + std::to_string(rowTiles) : "");
  }
};

struct Inputs {
  std::vector<uint16_t> weight, input;  // weights of gated rows as they are dealt out
  std::vector<float> bias, before;      // before: what sums are added to

  explicit Inputs(const Case& c)
      : weight(drawBf16(static_cast<size_t>(c.rows * c.cols), 4)),
        input(drawBf16(static_cast<size_t>(c.cols * maxProductTokens), 5)),  // the same tokens in every batch
        bias(drawFloats(static_cast<size_t>(c.rows), 6)),
        before(drawFloats(static_cast<size_t>(c.rows * c.tokens), 7)) {
    input.resize(static_cast<size_t>(c.cols * c.tokens));
  }
};

// (tokens, rows), or where gated (tokens, rows / 2).
std::vector<float> onDevice(TestDevice& device, const Case& c, const Inputs& in) {
  const size_t elements = static_cast<size_t>(c.rows * c.tokens);
  WeightProduct task;
  task.weight = device.input("weight", packWeights(in.weight, c.rows, c.cols));
  task.input = device.input("input", asInput(in.input, c.tokens, c.cols));
  if (c.biased) task.bias = device.input("bias", in.bias);
  if (c.ending == Ending::gated) task.halves = device.unwritten<Bf16>("out", static_cast<size_t>(inputElements(c.rows / 2, c.tokens)));
  else task.out = c.ending == Ending::added ? device.array("out", in.before) : device.unwritten<float>("out", elements);
  task.rows = c.rows;
  task.cols = c.cols;
  task.tokens = c.tokens;
  task.ending = c.ending;
  if (c.rowTiles > 0) multiplyWide(device.stream(), task, c.rowTiles);
  else CHECK(multiply(device.stream(), task));
  if (c.ending != Ending::gated) return device.values(task.out);
  std::vector<float> made;
  for (const Bf16 half : fromInput(device.values(task.halves), c.tokens, c.rows / 2)) {
    made.push_back(bf16ToFloat(half.bits));
  }
  return made;
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
  selectKernels("scalar").matmul(matrix, 0, c.rows, values.data(), static_cast<size_t>(c.cols), c.tokens, out.data(),
                                 static_cast<size_t>(c.rows), nullptr);
  return out;
}

std::vector<Case> cases() {
  // Rows that leave a block's last tiles empty, cols that end within a step, token tiles full and ragged.
  std::vector<Case> all{{16, 8, 1},    {48, 64, 3},    {64, 40, 8},   {128, 96, 9},   {80, 264, 16},
                        {256, 512, 1}, {144, 320, 17}, {96, 128, 33}, {160, 256, 64}, {4608, 64, 5},
                        {208, 168, 65}, {32, 72, 96},   {144, 32, 128}, {80, 320, 161}, {48, 96, 256}};
  // Blocks that a matrix of more rows would have.
  all.insert(all.end(), {{144, 264, 161, Ending::stored, false, 2}, {80, 72, 256, Ending::stored, false, 2}});
  if (onGpu) all.insert(all.end(), {{4608, 3584, 1}, {3584, 3584, 64}, {3584, 3584, 192}, {37888, 256, 256}});  // too slow in emulation
  return all;
}

void values() {
  for (const Case& c : cases()) {
    const Inputs in(c);
    const std::vector<float> want = onCpu(c, in, false), size = onCpu(c, in, true);
    everyOrder(c.name(), [&](TestDevice& device) {
      const std::vector<float> out = onDevice(device, c, in);
      int wrong = 0;
      SquaredError error;
      for (size_t i = 0; i < want.size(); ++i) {
        wrong += !(std::abs(out[i] - want[i]) <= size[i] * sumBound);
        error.add(out[i], want[i]);
      }
      noneWrong(wrong, "product " + c.name());
      error.isWithin(floatNmse, "product " + c.name());
    });
  }
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

// Biases, sums onto what is there, and gates of which the CPU engine's SwiGLU makes the same.
void endings() {
  std::vector<Case> all{{80, 264, 9, Ending::stored, true}, {80, 264, 9, Ending::added, true},
                        {48, 64, 3, Ending::added}, {96, 128, 17, Ending::gated, true}, {80, 64, 2, Ending::gated},
                        {4608, 64, 1, Ending::gated}, {80, 264, 70, Ending::stored, true}, {48, 40, 192, Ending::added, true},
                        {96, 128, 100, Ending::gated, true}, {176, 104, 190, Ending::gated, true, 2},
                        {144, 64, 128, Ending::added, true, 2}};
  if (onGpu) all.insert(all.end(), {{3584, 18944, 3, Ending::added}, {37888, 3584, 2, Ending::gated}});
  for (const Case& c : all) {
    const Inputs in(c);
    std::vector<float> want = onCpu(c, in, false), size = onCpu(c, in, true);
    const size_t rows = static_cast<size_t>(c.rows);
    for (size_t i = 0; i < want.size(); ++i) {
      if (c.biased) want[i] += in.bias[i % rows];
      if (c.ending == Ending::added) want[i] += in.before[i];
    }
    std::vector<float> bound;
    for (size_t i = 0; i < want.size(); ++i) bound.push_back((size[i] + 2) * sumBound);
    if (c.ending == Ending::gated) {
      std::vector<float> gate, up, bounds;
      for (size_t i = 0; i < want.size(); ++i) {
        if (i % rows % 16 >= 8) continue;
        gate.push_back(want[i]);
        up.push_back(want[i + 8]);
        // The slope of silu is at most 1.1; half a step of bfloat16 is added below.
        bounds.push_back(1.1f * bound[i] * std::abs(want[i + 8]) + std::abs(want[i]) * sigmoid(want[i]) * bound[i + 8]);
      }
      selectKernels("scalar").swiglu(gate.data(), up.data(), gate.size());
      for (size_t i = 0; i < gate.size(); ++i) bounds[i] += std::abs(gate[i]) * 0x1p-8f + 1e-7f;
      want = gate;
      bound = bounds;
    }
    everyOrder(c.name(), [&](TestDevice& device) {
      const std::vector<float> out = onDevice(device, c, in);
      int wrong = out.size() != want.size();
      SquaredError error;
      for (size_t i = 0; i < want.size(); ++i) {
        wrong += !(std::abs(out[i] - want[i]) <= bound[i]);
        error.add(out[i], want[i]);
      }
      noneWrong(wrong, "product " + c.name());
      error.isWithin(c.ending == Ending::gated ? bf16Nmse : floatNmse, "product " + c.name());
    });
  }
}

void dealing() {
  const std::vector<int> dealt = dealGated<int>({1, 2, 3, 4, 5, 6, 7, 8, 9}, {11, 12, 13, 14, 15, 16, 17, 18, 19}, 9, 1);
  CHECK((dealt == std::vector<int>{1, 2,  3,  4,  5,  6,  7,  8,  11, 12, 13, 14, 15, 16, 17, 18,
                                   9, 0,  0,  0,  0,  0,  0,  0,  19, 0,  0,  0,  0,  0,  0,  0}));
}

uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

// The law of the engine: a token's values are the same bits alone and among strangers.
void tokensAloneAndTogether() {
  for (const Case& many : {Case{176, 416, 64}, {176, 416, 192}, {112, 1000, 256}, {144, 416, 256, Ending::stored, false, 2}}) {
    const Inputs in(many);
    TestDevice device(shuffled(9));
    const std::vector<float> all = onDevice(device, many, in);
    for (const int token : {0, 7, 8, 41, 63, 64, 95, 96, 191, 255}) {
      if (token >= many.tokens) continue;
      Inputs one = in;
      one.input.assign(in.input.begin() + token * many.cols, in.input.begin() + (token + 1) * many.cols);
      TestDevice alone(forward);
      const std::vector<float> single = onDevice(alone, {many.rows, many.cols, 1}, one);
      bool same = true;
      const float* among = &all[static_cast<size_t>(token * many.rows)];
      for (size_t r = 0; r < single.size(); ++r) same &= bits(single[r]) == bits(among[r]);
      noneWrong(!same, "product alone and in a batch, " + many.name() + ", number " + std::to_string(token));
    }
  }
}

void barriers() {
  for (const Case& c : {Case{64, 128, 1}, {64, 128, 33, Ending::added}, {64, 128, 9, Ending::gated}, {64, 160, 65}, {32, 96, 128, Ending::gated}}) {
    everyOmissionIsSeen("product, " + c.name(), [&](TestDevice& device) { onDevice(device, c, Inputs(c)); });
  }
}

// Weights are counted as often as they are asked for: each once by up to 128 tokens; by more, twice by blocks that stand
// side by side, and counted once. The tokens' rows go to every block and are counted once, since a cache keeps them (256 ×
// 3584 × 2 bytes against 50 MB); how often they are asked for is printed.
void bytes() {
  for (const int tokens : {1, 8, 16, 64, 96, 128, 192, 256}) {
    const Case c{512, 512, tokens};
    TestDevice device(forward);
    onDevice(device, c, Inputs(c));
    const emulate::Traffic &weight = device.traffic("weight"), &input = device.traffic("input");
    const uint64_t times = tokens > 128 ? 2 : 1;
    const double needed = 2.0 * (c.rows * c.cols + tokens * (2 * c.rows + c.cols));
    const double moved = static_cast<double>(weight.loaded / times + input.distinct + device.traffic("out").stored) * 32;
    std::printf("product %s: moved over needed %.3f; inputs asked for over weights %.3f\n", c.name().c_str(),
                moved / needed, static_cast<double>(input.loaded) / static_cast<double>(weight.loaded));
    CHECK_CASE(moved / needed <= 1.05, c.name());
    CHECK(weight.loaded == times * weight.distinct);
  }
}

void shapes() {
  CHECK(productSlices(16, 8) == 1);        // one step cannot be shared
  CHECK(productSlices(3584, 3584) == 8);   // 224 tiles would be 28 blocks
  CHECK(productSlices(37888, 3584) == 4);  // 2368 tiles would be 592 blocks by twos
  CHECK(wideRowTiles(37888, 192) == 2 && wideRowTiles(152064, 65) == 2);  // 592 and 1188 blocks
  CHECK(wideRowTiles(4608, 192) == 1 && wideRowTiles(3584, 256) == 1);    // 72 and 56 would be
  CHECK(productSlices(152064, 3584) == 1);  // 9504 tiles are 1188 blocks as they are
  TestDevice device(forward);
  WeightProduct task;
  for (const Case& c : {Case{8, 8, 1}, {16, 12, 1}, {16, 8, 0}, {16, 8, 257}}) {
    task.rows = c.rows;
    task.cols = c.cols;
    task.tokens = c.tokens;
    CHECK(!multiply(device.stream(), task));
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(product) {
  using namespace pathpress::cuda;
  values();
  endings();
  dealing();
  tokensAloneAndTogether();
  barriers();
  emulatedOnly("bytes moved", bytes);
  shapes();
}
