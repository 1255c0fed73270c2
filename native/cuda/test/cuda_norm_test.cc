// RMS norm, and a branch with its own, against a plain reference in double precision.
#include <cmath>

#include "../norm.h"
#include "closeness.h"
#include "draw.h"
#include "inputs.h"

namespace pathpress::cuda {
namespace {

constexpr float epsilon = 1e-6f;

struct Case {
  int hidden, tokens;
  bool adds;
};

struct Inputs {
  std::vector<float> state, branch;
  std::vector<uint16_t> branchWeight, weight;

  explicit Inputs(const Case& c)
      : state(drawFloats(static_cast<size_t>(c.hidden * c.tokens), 1)),
        branch(drawFloats(static_cast<size_t>(c.hidden * c.tokens), 2)),
        branchWeight(drawBf16(static_cast<size_t>(c.hidden), 4)),
        weight(drawBf16(static_cast<size_t>(c.hidden), 3)) {}
};

struct Outputs {
  std::vector<float> state;
  std::vector<Bf16> normed;
};

Outputs onDevice(TestDevice& device, const Case& c, const Inputs& in) {
  ResidualNorm task;
  task.state = device.array("state", in.state);
  if (c.adds) {
    task.branch = device.input("branch", in.branch);
    task.branchWeight = device.input("branchWeight", asBf16(in.branchWeight));
  }
  task.weight = device.input("weight", asBf16(in.weight));
  task.normed = device.unwritten<Bf16>("normed", static_cast<size_t>(inputElements(c.hidden, c.tokens)));
  task.hidden = c.hidden;
  task.epsilon = epsilon;
  CHECK(addAndNormalize(device.stream(), task, c.tokens));
  return {device.values(task.state), fromInput(device.values(task.normed), c.tokens, c.hidden)};
}

void values() {
  for (const Case& c : {Case{12, 1, true}, {64, 3, true}, {896, 2, true}, {3584, 2, true}, {3584, 2, false},
                        {5120, 1, true}, {64, 130, false}, {8196, 1, true}, {16384, 1, true}}) {
    const Inputs in(c);
    const std::string shape = std::to_string(c.tokens) + " × " + std::to_string(c.hidden);
    const std::string name = shape + (c.adds ? "" : ", no branch");
    everyOrder(name, [&](TestDevice& device) {
      const Outputs out = onDevice(device, c, in);
      int wrong = 0;
      SquaredError ofState, ofNormed;
      for (int t = 0; t < c.tokens; ++t) {
        const size_t at = static_cast<size_t>(t * c.hidden), width = static_cast<size_t>(c.hidden);
        double squares = 0, branchSquares = 0;
        for (size_t i = 0; i < width; ++i) branchSquares += double{in.branch[at + i]} * in.branch[at + i];
        const double branchScale = c.adds ? 1 / std::sqrt(branchSquares / c.hidden + double{epsilon}) : 0;
        for (size_t i = 0; i < width; ++i) {
          const double adds = in.branch[at + i] * branchScale * double{bf16ToFloat(in.branchWeight[i])};
          wrong += !(std::abs(out.state[at + i] - (in.state[at + i] + adds)) <= 1e-6 * (1 + std::abs(adds)));
          ofState.add(out.state[at + i], in.state[at + i] + adds);
          wrong += !c.adds && out.state[at + i] != in.state[at + i];
          squares += double{out.state[at + i]} * out.state[at + i];
        }
        const double scale = 1 / std::sqrt(squares / c.hidden + double{epsilon});
        for (size_t i = 0; i < width; ++i) {
          const double want = out.state[at + i] * scale * double{bf16ToFloat(in.weight[i])};
          ofNormed.add(bf16ToFloat(out.normed[at + i].bits), want);
          // Half a step of bfloat16, and a little for the float32 on the way.
          wrong += !(std::abs(double{bf16ToFloat(out.normed[at + i].bits)} - want) <= std::abs(want) * (0x1p-8 + 1e-5));
        }
      }
      noneWrong(wrong, "norm " + name);
      ofState.isWithin(floatNmse, "norm " + name + ", state");
      ofNormed.isWithin(bf16Nmse, "norm " + name + ", normed");
    });
  }
}

void rowsAloneAndTogether() {
  const Case many{1024, 4, true}, one{1024, 1, true};
  const Inputs in(many);
  TestDevice together(forward), alone(reverse);
  const Outputs all = onDevice(together, many, in);
  Inputs last = in;
  last.state.assign(in.state.end() - 1024, in.state.end());
  last.branch.assign(in.branch.end() - 1024, in.branch.end());
  const Outputs single = onDevice(alone, one, last);
  bool same = true;
  for (size_t i = 0; i < 1024; ++i) same &= single.normed[i].bits == all.normed[3 * 1024 + i].bits;
  noneWrong(!same, "norm alone and in a batch");
}

void barriers() {
  const Case c{2048, 1, true};
  everyOmissionIsSeen("norm", [&](TestDevice& device) { onDevice(device, c, Inputs(c)); });
}

// Needed: the state in and out, the branch in, the normed row out, and the weights once, which a cache keeps.
void bytes() {
  const Case c{3584, 4, true};
  TestDevice device(forward);
  onDevice(device, c, Inputs(c));
  const emulate::Traffic all = device.traffic();
  const double needed = 3584.0 * (4 * (4 + 4 + 4 + 2) + 2 + 2);
  const double moved = static_cast<double>(all.distinct + all.stored) * emulate::sectorBytes;
  std::printf("norm 4 × 3584: moved over needed %.3f\n", moved / needed);
  CHECK(moved / needed <= 1.05);
  CHECK(device.traffic("weight").loaded == 4 * device.traffic("weight").distinct);
  CHECK(device.traffic("state").loaded == device.traffic("state").distinct);
}

void refusals() {
  TestDevice device(forward);
  ResidualNorm task;
  task.epsilon = epsilon;
  for (const int hidden : {0, 6, maxNormWidth + 4}) {
    task.hidden = hidden;
    CHECK(!addAndNormalize(device.stream(), task, 1));
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(norm) {
  using namespace pathpress::cuda;
  values();
  rowsAloneAndTogether();
  barriers();
  emulatedOnly("bytes moved", bytes);
  refusals();
}
