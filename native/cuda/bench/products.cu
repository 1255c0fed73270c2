// Each matrix of the model, those of all layers in turn, so that none is in a cache.
#include <algorithm>

#include "../../engine/errors.h"
#include "parts.h"
#include "probes.h"
#include "report.h"

namespace pathpress::cuda::bench {

namespace {

struct MatrixCase {
  const char* name;
  int rows, cols;
  Ending ending;
  std::vector<Global<const Bf16>> weights;
};

std::vector<MatrixCase> matricesOf(const DeviceModel& model) {
  const ModelShape& shape = model.shape;
  MatrixCase qkv{"qkv", shape.qkvWidth(), shape.hidden, Ending::stored, {}};
  MatrixCase output{"attention output", shape.hidden, shape.heads * shape.dim, Ending::added, {}};
  MatrixCase gateUp{"gate and up", 2 * shape.intermediate, shape.hidden, Ending::gated, {}};
  MatrixCase down{"down", shape.hidden, shape.intermediate, Ending::added, {}};
  for (const DeviceLayer& layer : model.layers) {
    qkv.weights.push_back(layer.qkv);
    output.weights.push_back(layer.attentionOutput);
    gateUp.weights.push_back(layer.gateUp);
    down.weights.push_back(layer.down);
  }
  return {qkv, output, gateUp, down, {"logits", shape.logitsWidth(), shape.hidden, Ending::stored, {model.output}}};
}

}  // namespace

void measureProducts(const Bench& bench) {
  Device& device = bench.device;
  const ModelShape& shape = bench.model.shape;
  const size_t widest = static_cast<size_t>(std::max(2 * shape.intermediate, shape.logitsWidth()));
  const Global<float> out = device.unwritten<float>("products", maxProductTokens * widest);
  const int64_t gated = inputElements(shape.intermediate, maxProductTokens);
  const Global<Bf16> halves = device.unwritten<Bf16>("halves", static_cast<size_t>(gated));
  const int64_t inputs = inputElements(std::max(shape.intermediate, shape.hidden), maxProductTokens);
  const Global<Bf16> input = device.unwritten<Bf16>("inputs", static_cast<size_t>(inputs));
  fillRandom(device.stream(), input, inputs, 1, 99);
  for (const MatrixCase& matrix : matricesOf(bench.model)) {
    for (const int tokens : {1, 8, 16, 32, 64, 96, 128, 192, 256}) {
      const auto all = [&] {
        for (const Global<const Bf16>& weight : matrix.weights) {
          WeightProduct task{weight, input, {}, out, halves, matrix.rows, matrix.cols, tokens, matrix.ending};
          if (!multiply(device.stream(), task)) throw EngineError("INTERNAL", "a product was refused");
        }
        return true;
      };
      const double seconds = medianSeconds(bench.watch, bench.tiny ? 1 : 5, all);
      const double weights = 2.0 * matrix.rows * matrix.cols;
      const double made = matrix.ending == Ending::gated ? 1.0 * matrix.rows : 4.0 * matrix.rows;
      Line("product").text("name", matrix.name).number("rows", matrix.rows).number("cols", matrix.cols)
          .number("tokens", tokens).number("seconds", seconds / static_cast<double>(matrix.weights.size()))
          .number("bytes", weights + tokens * (2.0 * matrix.cols + made))
          .number("operations", weights * tokens);
    }
  }
}

}  // namespace pathpress::cuda::bench
