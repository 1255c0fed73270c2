#include "packed_model.h"

#include <cmath>

#include "../models/model.h"
#include "pack.h"

namespace pathpress::cuda {
namespace {

// In bfloat16, row by row.
std::vector<uint16_t> rounded(const Matrix& matrix) {
  std::vector<uint16_t> values;
  values.reserve(static_cast<size_t>(matrix.rows) * static_cast<size_t>(matrix.cols));
  for (int r = 0; r < matrix.rows; ++r) {
    const float scale = matrix.scales ? matrix.scales[r] : 1.0f;
    for (int c = 0; c < matrix.cols; ++c) values.push_back(floatToBf16(matrix.at(r, c) * scale));
  }
  return values;
}

std::vector<uint16_t> rounded(const std::vector<float>& values) {
  std::vector<uint16_t> halves;
  halves.reserve(values.size());
  for (const float value : values) halves.push_back(floatToBf16(value));
  return halves;
}

std::vector<uint16_t> packMatrix(const Matrix& matrix) { return packWeights(rounded(matrix), matrix.rows, matrix.cols); }

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

ModelShape shapeOf(const Model& model) {
  const ModelConfig& config = model.config;
  return {config.layers, config.hidden, config.intermediate, config.heads, config.kvHeads, config.headDim, config.vocab,
          model.rotary.pairs, model.rotary.order == RopePairs::neighbours, static_cast<float>(config.normEpsilon)};
}

PackedLayer packLayer(const Model& model, int layer) {
  const Layer& from = model.layers[static_cast<size_t>(layer)];
  const ModelConfig& config = model.config;
  PackedLayer to;
  to.attentionNorm = rounded(from.attentionNorm);
  to.mlpNorm = rounded(from.mlpNorm);
  to.attentionPostNorm = rounded(from.attentionPostNorm);
  to.mlpPostNorm = rounded(from.mlpPostNorm);
  to.queryNorm = rounded(from.queryNorm);
  to.keyNorm = rounded(from.keyNorm);
  std::vector<uint16_t> qkv;
  for (const Linear* part : {&from.query, &from.key, &from.value}) {
    append(qkv, rounded(part->weight));
    append(to.qkvBias, part->bias);
  }
  to.qkv = packWeights(qkv, config.queryWidth() + 2 * config.kvWidth(), config.hidden);
  to.attentionOutput = packMatrix(from.attentionOutput.weight);
  to.attentionOutputBias = from.attentionOutput.bias;
  const int inner = config.intermediate;
  to.gateUp = packWeights(dealGated(rounded(from.gate.weight), rounded(from.up.weight), inner, config.hidden), 2 * inner,
                          config.hidden);
  if (!from.gate.bias.empty()) to.gateUpBias = dealGated(from.gate.bias, from.up.bias, inner, 1);
  to.down = packMatrix(from.down.weight);
  to.downBias = from.down.bias;
  return to;
}

PackedEnds packEnds(const Model& model) {
  PackedEnds to;
  to.embedding = packMatrix(model.embedding);
  if (model.output.data != model.embedding.data) to.output = packMatrix(model.output);
  to.finalNorm = rounded(model.finalNorm);
  return to;
}

std::vector<float> packAngles(const Model& model, int positions) {
  std::vector<float> angles;
  angles.reserve(static_cast<size_t>(positions) * model.inverseFrequencies.size() * 2);
  for (int position = 0; position < positions; ++position) {
    for (const float frequency : model.inverseFrequencies) {
      const float angle = static_cast<float>(position) * frequency;
      angles.push_back(std::cos(angle));
      angles.push_back(std::sin(angle));
    }
  }
  return angles;
}

}  // namespace pathpress::cuda
