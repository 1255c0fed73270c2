#include "upload.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <future>
#include <string>

#include "packed_model.h"

namespace pathpress::cuda {

namespace {

class Uploads {
 public:
  Uploads(Device& device, const Model& model) : device_(device), model_(model) {}

  DeviceModel run(int threads) {
    DeviceModel to;
    to.shape = shapeOf(model_);
    std::future<PackedEnds> packedEnds = std::async(std::launch::async, packEnds, std::cref(model_));
    for (int first = 0; first < to.shape.layers; first += threads) {
      std::vector<std::future<PackedLayer>> packed;
      for (int i = first; i < std::min(first + threads, to.shape.layers); ++i) {
        packed.push_back(std::async(std::launch::async, packLayer, std::cref(model_), i));
      }
      for (auto& one : packed) to.layers.push_back(layer(one.get(), std::to_string(to.layers.size()) + " "));
    }
    const PackedEnds ends = packedEnds.get();
    to.embedding = halves("embedding", ends.embedding);
    to.output = ends.output.empty() ? to.embedding : halves("output", ends.output);
    to.finalNorm = halves("final norm", ends.finalNorm);
    return to;
  }

 private:
  DeviceLayer layer(const PackedLayer& from, const std::string& name) {
    DeviceLayer to;
    to.attentionNorm = halves(name + "attention norm", from.attentionNorm);
    to.mlpNorm = halves(name + "mlp norm", from.mlpNorm);
    to.attentionPostNorm = halves(name + "attention post-norm", from.attentionPostNorm);
    to.mlpPostNorm = halves(name + "mlp post-norm", from.mlpPostNorm);
    to.queryNorm = halves(name + "query norm", from.queryNorm);
    to.keyNorm = halves(name + "key norm", from.keyNorm);
    to.qkv = halves(name + "qkv", from.qkv);
    to.attentionOutput = halves(name + "attention output", from.attentionOutput);
    to.gateUp = halves(name + "gate and up", from.gateUp);
    to.down = halves(name + "down", from.down);
    to.qkvBias = floats(name + "qkv bias", from.qkvBias);
    to.attentionOutputBias = floats(name + "attention output bias", from.attentionOutputBias);
    to.gateUpBias = floats(name + "gate and up bias", from.gateUpBias);
    to.downBias = floats(name + "down bias", from.downBias);
    return to;
  }

  // Null where the family has none.
  Global<const Bf16> halves(const std::string& name, const std::vector<uint16_t>& from) {
    if (from.empty()) return {};
    std::vector<Bf16> values(from.size());
    std::memcpy(values.data(), from.data(), from.size() * sizeof(Bf16));
    return device_.input(name, values);
  }
  Global<const float> floats(const std::string& name, const std::vector<float>& from) {
    return from.empty() ? Global<const float>() : device_.input(name, from);
  }

  Device& device_;
  const Model& model_;
};

}  // namespace

DeviceModel uploadWeights(Device& device, const Model& model, int threads) {
  return Uploads(device, model).run(threads);
}

Global<const float> uploadAngles(Device& device, const Model& model, int positions) {
  return device.input("angles", packAngles(model, positions));
}

DeviceModel upload(Device& device, const Model& model, int positions) {
  DeviceModel to = uploadWeights(device, model, 1);
  to.angles = uploadAngles(device, model, positions);
  return to;
}

}  // namespace pathpress::cuda
