#include "upload.h"

#include <future>
#include <string>

#include "../engine/thread_pool.h"
#include "packed_model.h"

namespace pathpress::cuda {

namespace {

class Uploads {
 public:
  Uploads(Device& device, const Model& model, int threads) : device_(device), model_(model), pool_(threads) {}

  // A part is packed while the one before it goes to the device.
  DeviceModel run() {
    DeviceModel to;
    to.shape = shapeOf(model_);
    const int layers = to.shape.layers;
    std::future<PackedLayer> next = packed(0);
    std::future<PackedEnds> ends;
    for (int i = 0; i < layers; ++i) {
      const PackedLayer one = next.get();
      if (i + 1 < layers) next = packed(i + 1);
      else ends = std::async(std::launch::async, [&] { return packEnds(model_, pool_); });
      to.layers.push_back(layer(one, std::to_string(i) + " "));
    }
    const PackedEnds rest = ends.get();
    to.embedding = halves("embedding", rest.embedding);
    to.output = rest.output.empty() ? to.embedding : halves("output", rest.output);
    to.finalNorm = halves("final norm", rest.finalNorm);
    return to;
  }

 private:
  std::future<PackedLayer> packed(int layer) {
    return std::async(std::launch::async, [this, layer] { return packLayer(model_, layer, pool_); });
  }

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
  Global<const Bf16> halves(const std::string& name, const std::vector<Bf16>& from) {
    return from.empty() ? Global<const Bf16>() : device_.input(name, from);
  }
  Global<const float> floats(const std::string& name, const std::vector<float>& from) {
    return from.empty() ? Global<const float>() : device_.input(name, from);
  }

  Device& device_;
  const Model& model_;
  ThreadPool pool_;
};

}  // namespace

DeviceModel uploadWeights(Device& device, const Model& model, int threads) {
  return Uploads(device, model, threads).run();
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
