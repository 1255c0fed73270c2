#include "random_model.h"

#include <cmath>

#include "../../engine/errors.h"
#include "probes.h"

namespace pathpress::cuda::bench {

namespace {

// Rows of a packed matrix are whole sixteens, cols whole thirty-twos.
int64_t packedElements(int rows, int cols) { return int64_t{(rows + 15) / 16 * 16} * ((cols + 31) / 32 * 32); }

class Maker {
 public:
  Maker(Device& device, const NamedShape& named) : device_(device), named_(named), shape_(named.shape) {}

  DeviceModel run(int positions) {
    DeviceModel to;
    to.shape = shape_;
    to.embedding = matrix("embedding", shape_.vocab, shape_.hidden);
    to.output = named_.tied ? to.embedding : matrix("output", shape_.vocab, shape_.hidden);
    to.finalNorm = vector("final norm", shape_.hidden);
    std::vector<float> angles;
    for (int position = 0; position < positions; ++position) {
      for (int pair = 0; pair < shape_.pairs; ++pair) {
        const double angle = position * std::pow(10000.0, -double(pair) / shape_.pairs);
        angles.push_back(static_cast<float>(std::cos(angle)));
        angles.push_back(static_cast<float>(std::sin(angle)));
      }
    }
    to.angles = device_.input("angles", angles);
    for (int i = 0; i < shape_.layers; ++i) to.layers.push_back(layer());
    return to;
  }

 private:
  DeviceLayer layer() {
    DeviceLayer to;
    to.attentionNorm = vector("attention norm", shape_.hidden);
    to.mlpNorm = vector("mlp norm", shape_.hidden);
    to.qkv = matrix("qkv", shape_.qkvWidth(), shape_.hidden);
    to.attentionOutput = matrix("attention output", shape_.hidden, shape_.heads * shape_.dim);
    to.gateUp = matrix("gate and up", 2 * shape_.intermediate, shape_.hidden);
    to.down = matrix("down", shape_.hidden, shape_.intermediate);
    if (named_.qkvBias) {
      const std::vector<float> bias(static_cast<size_t>(shape_.qkvWidth()), 0.01f);
      to.qkvBias = device_.input("qkv bias", bias);
    }
    return to;
  }
  // Such that a product keeps the size of what it is multiplied with.
  Global<const Bf16> matrix(const std::string& name, int rows, int cols) {
    return filled(name, packedElements(rows, cols), std::sqrt(3.0f / static_cast<float>(cols)));
  }
  Global<const Bf16> vector(const std::string& name, int width) { return filled(name, (width + 7) / 8 * 8, 1); }
  Global<const Bf16> filled(const std::string& name, int64_t count, float width) {
    const Global<Bf16> made = device_.unwritten<Bf16>(name, static_cast<size_t>(count));
    fillRandom(device_.stream(), made, count, width, ++seed_);
    return made;
  }

  Device& device_;
  const NamedShape& named_;
  const ModelShape& shape_;
  uint32_t seed_ = 0;
};

}  // namespace

NamedShape shapeNamed(const std::string& name) {
  if (name == "R1-Distill-Qwen-7B") {
    return {name, {28, 3584, 18944, 28, 4, 128, 152064, 64, false, 1e-6f}, true, false};
  }
  if (name == "R1-Distill-Llama-8B") {
    return {name, {32, 4096, 14336, 32, 8, 128, 128256, 64, false, 1e-5f}, false, false};
  }
  if (name == "tiny") return {name, {2, 64, 96, 4, 2, 64, 96, 32, false, 1e-6f}, true, false};
  throw EngineError("BAD_OPTION", "shape " + name + ": there are R1-Distill-Qwen-7B, R1-Distill-Llama-8B and tiny");
}

DeviceModel randomModel(Device& device, const NamedShape& named, int positions) {
  return Maker(device, named).run(positions);
}

double weightBytes(const ModelShape& shape) {
  const double hidden = shape.hidden, heads = shape.heads * shape.dim;
  const double layer = hidden * shape.qkvWidth() + hidden * heads + 3 * hidden * shape.intermediate + 2 * hidden;
  return 2 * (shape.layers * layer + hidden * shape.logitsWidth() + hidden);
}

double modelBytes(const NamedShape& named) {
  return weightBytes(named.shape) + (named.tied ? 0 : 2.0 * named.shape.hidden * named.shape.logitsWidth());
}

double entryBytes(const ModelShape& shape) { return 2.0 * 2 * shape.kvHeads * shape.dim * shape.layers; }

}  // namespace pathpress::cuda::bench
