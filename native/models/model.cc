#include "model.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "../engine/errors.h"
#include "family.h"

namespace pathpress {
namespace {

std::string forLayer(const char* pattern, int layer) {
  std::string name = pattern;
  const size_t at = name.find("{}");
  return name.replace(at, 2, std::to_string(layer));
}

class Loader {
 public:
  Loader(Model& model, const Family& family, int threads) : model_(model), family_(family), threads_(threads) {}

  void load() {
    const ModelConfig& config = model_.config;
    refuseLeftOverLayers();
    // Which of the two is meant nobody can tell: transformers before version 5 ties them, then it reads the second.
    if (config.tiedEmbeddings && model_.weights.differ(family_.embedding, family_.output)) {
      throw EngineError("BAD_CONFIG", std::string("config.json: tie_word_embeddings true, but tensor \"") + family_.output +
                                          "\" is not \"" + family_.embedding + "\": false reads it, without it they are one");
    }
    model_.embedding = model_.weights.matrix(family_.embedding, config.vocab, config.hidden, threads_);
    if (model_.embedding.type == DType::i8) {
      throw EngineError("BAD_TENSOR", std::string("tensor \"") + family_.embedding + "\" is I8: embeddings are read as they are");
    }
    model_.output = config.tiedEmbeddings
                        ? model_.embedding
                        : model_.weights.matrix(family_.output, config.vocab, config.hidden, threads_);
    model_.finalNorm = model_.weights.vector(family_.finalNorm, config.hidden);
    model_.layers.reserve(static_cast<size_t>(config.layers));
    for (int layer = 0; layer < config.layers; ++layer) model_.layers.push_back(loadLayer(layer));
  }

 private:
  // Fewer layers than the file holds would load without a word and answer as another model. What no family reads
  // (buffers of the rotation, say) may be there.
  void refuseLeftOverLayers() const {
    std::optional<std::pair<int, std::string>> first;
    for (const std::string& name : model_.weights.names()) {
      const std::optional<int> layer = layerOf(name);
      if (!layer || *layer < model_.config.layers) continue;
      const std::pair found{*layer, name};
      first = first ? std::min(*first, found) : found;
    }
    if (!first) return;
    throw EngineError("BAD_CONFIG", "config.json: num_hidden_layers " + std::to_string(model_.config.layers) +
                                        " leaves over tensor \"" + first->second + "\"");
  }

  // Of a tensor that the family reads of each layer.
  std::optional<int> layerOf(const std::string& name) const {
    for (const std::string_view pattern :
         {family_.attentionNorm, family_.mlpNorm, family_.query, family_.key, family_.value, family_.queryKeyValue,
          family_.attentionOutput, family_.gate, family_.up, family_.gateUp, family_.down}) {
      if (pattern.empty()) continue;
      const size_t at = pattern.find("{}");
      if (!name.starts_with(pattern.substr(0, at))) continue;
      int layer = 0;
      const char* const end = name.data() + name.size();
      const auto [after, error] = std::from_chars(name.data() + at, end, layer);
      if (error == std::errc() && std::string_view(after, end).starts_with(pattern.substr(at + 2))) return layer;
    }
    return std::nullopt;
  }

  Layer loadLayer(int index) {
    const ModelConfig& config = model_.config;
    const bool qkv = hasBias(family_.qkvBias, config.attentionBias);
    const bool out = hasBias(family_.attentionOutputBias, config.attentionBias);
    const bool mlp = hasBias(family_.mlpBias, config.mlpBias);
    Layer layer;
    layer.attentionNorm = norm(family_.attentionNorm, index, config.hidden);
    layer.mlpNorm = norm(family_.mlpNorm, index, config.hidden);
    layer.queryNorm = norm(family_.queryNorm, index, config.headDim);
    layer.keyNorm = norm(family_.keyNorm, index, config.headDim);
    layer.attentionPostNorm = norm(family_.attentionPostNorm, index, config.hidden);
    layer.mlpPostNorm = norm(family_.mlpPostNorm, index, config.hidden);
    if (*family_.queryKeyValue) {
      std::vector<Linear> parts = split(family_.queryKeyValue, index,
                                        {config.queryWidth(), config.kvWidth(), config.kvWidth()}, config.hidden, qkv);
      layer.query = std::move(parts[0]);
      layer.key = std::move(parts[1]);
      layer.value = std::move(parts[2]);
    } else {
      layer.query = linear(family_.query, index, config.queryWidth(), config.hidden, qkv);
      layer.key = linear(family_.key, index, config.kvWidth(), config.hidden, qkv);
      layer.value = linear(family_.value, index, config.kvWidth(), config.hidden, qkv);
    }
    layer.attentionOutput = linear(family_.attentionOutput, index, config.hidden, config.queryWidth(), out);
    if (*family_.gateUp) {
      std::vector<Linear> parts =
          split(family_.gateUp, index, {config.intermediate, config.intermediate}, config.hidden, mlp);
      layer.gate = std::move(parts[0]);
      layer.up = std::move(parts[1]);
    } else {
      layer.gate = linear(family_.gate, index, config.intermediate, config.hidden, mlp);
      layer.up = linear(family_.up, index, config.intermediate, config.hidden, mlp);
    }
    layer.down = linear(family_.down, index, config.hidden, config.intermediate, mlp);
    return layer;
  }

  std::vector<float> norm(const char* pattern, int layer, int width) {
    if (!*pattern) return {};
    return model_.weights.vector(forLayer(pattern, layer), width);
  }

  Linear linear(const char* pattern, int layer, int out, int in, bool bias) {
    return split(pattern, layer, {out}, in, bias)[0];
  }

  // A matrix that holds the rows of several, one after the other. Every matrix of a layer comes through here: a model spread
  // over several GPUs would be loaded with a rank and their number, and here take its rows of queries, keys, values, gate
  // and up, its columns of attentionOutput and down.
  std::vector<Linear> split(const char* pattern, int layer, std::initializer_list<int> rows, int in, bool bias) {
    const std::string module = forLayer(pattern, layer);
    std::vector<Linear> parts;
    for (const Matrix& weight : model_.weights.matrices(module + ".weight", rows, in, threads_)) {
      parts.push_back({weight, {}});
    }
    if (!bias) return parts;
    const int all = std::accumulate(rows.begin(), rows.end(), 0);
    const std::vector<float> whole = model_.weights.vector(module + ".bias", all);
    auto from = whole.begin();
    for (Linear& part : parts) {
      part.bias.assign(from, from + part.weight.rows);
      from += part.weight.rows;
    }
    return parts;
  }

  Model& model_;
  const Family& family_;
  int threads_;
};

}  // namespace

void Model::releaseWeights() {
  layers.clear();
  embedding.data = output.data = nullptr;
  weights.release();
}

std::unique_ptr<Model> loadModel(const ModelConfig& config, const std::vector<std::string>& paths, int threads,
                                 size_t room) {
  const Family& family = findFamily(config.family);
  checkConfig(config);
  const Rotary rotary = rotaryOf(config, family);
  std::vector<float> frequencies = ropeFrequencies(config, rotary.pairs);
  auto model = std::make_unique<Model>(Model{config, Weights(paths, room), {}, {}, {}, {}, rotary, std::move(frequencies)});
  Loader(*model, family, threads).load();
  model->weights.closeFiles();
  return model;
}

}  // namespace pathpress
