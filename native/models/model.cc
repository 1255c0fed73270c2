#include "model.h"

#include "family.h"

namespace pathpress {
namespace {

std::string forLayer(const char* pattern, int layer) {
  std::string name = pattern;
  const size_t at = name.find("{}");
  return name.replace(at, 2, std::to_string(layer));
}

bool hasBias(Bias bias, bool option) { return bias == Bias::always || (bias == Bias::option && option); }

class Loader {
 public:
  Loader(Model& model, const Family& family, int threads) : model_(model), family_(family), threads_(threads) {}

  void load() {
    const ModelConfig& config = model_.config;
    model_.embedding = model_.weights.matrix(family_.embedding, config.vocab, config.hidden, threads_);
    model_.output = config.tiedEmbeddings
                        ? model_.embedding
                        : model_.weights.matrix(family_.output, config.vocab, config.hidden, threads_);
    model_.finalNorm = model_.weights.vector(family_.finalNorm, config.hidden);
    model_.layers.reserve(static_cast<size_t>(config.layers));
    for (int layer = 0; layer < config.layers; ++layer) model_.layers.push_back(loadLayer(layer));
  }

 private:
  Layer loadLayer(int index) {
    const ModelConfig& config = model_.config;
    const bool qkv = hasBias(family_.qkvBias, config.attentionBias);
    const bool out = hasBias(family_.attentionOutputBias, config.attentionBias);
    const bool mlp = hasBias(family_.mlpBias, config.mlpBias);
    Layer layer;
    layer.attentionNorm = model_.weights.vector(forLayer(family_.attentionNorm, index), config.hidden);
    layer.mlpNorm = model_.weights.vector(forLayer(family_.mlpNorm, index), config.hidden);
    layer.query = linear(family_.query, index, config.queryWidth(), config.hidden, qkv);
    layer.key = linear(family_.key, index, config.kvWidth(), config.hidden, qkv);
    layer.value = linear(family_.value, index, config.kvWidth(), config.hidden, qkv);
    layer.attentionOutput = linear(family_.attentionOutput, index, config.hidden, config.queryWidth(), out);
    layer.gate = linear(family_.gate, index, config.intermediate, config.hidden, mlp);
    layer.up = linear(family_.up, index, config.intermediate, config.hidden, mlp);
    layer.down = linear(family_.down, index, config.hidden, config.intermediate, mlp);
    return layer;
  }

  Linear linear(const char* pattern, int layer, int out, int in, bool bias) {
    const std::string module = forLayer(pattern, layer);
    Linear linear{model_.weights.matrix(module + ".weight", out, in, threads_), {}};
    if (bias) linear.bias = model_.weights.vector(module + ".bias", out);
    return linear;
  }

  Model& model_;
  const Family& family_;
  int threads_;
};

}  // namespace

std::unique_ptr<Model> loadModel(const ModelConfig& config, const std::vector<std::string>& paths, int threads) {
  const Family& family = findFamily(config.family);
  checkConfig(config);
  auto model = std::make_unique<Model>(Model{config, Weights(paths), {}, {}, {}, {}, ropeFrequencies(config)});
  Loader(*model, family, threads).load();
  return model;
}

}  // namespace pathpress
