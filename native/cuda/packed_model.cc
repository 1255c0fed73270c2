#include "packed_model.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "../engine/thread_pool.h"
#include "../models/model.h"
#include "pack.h"

namespace pathpress::cuda {
namespace {

// Of a matrix in the checkpoint's own order, or packed for the CPU; no matrix where there is no such row.
struct Row {
  const Matrix* matrix = nullptr;
  int row = 0;
};

std::vector<Row> rowsOf(const Matrix& matrix) {
  std::vector<Row> rows;
  for (int r = 0; r < matrix.rows; ++r) rows.push_back({&matrix, r});
  return rows;
}

// In bfloat16: as it lies where it is that, else rounded into `room`.
const uint16_t* halvesOf(const Row& from, uint16_t* room) {
  if (!from.matrix) return nullptr;
  const Matrix& matrix = *from.matrix;
  if (matrix.type == DType::bf16 && !matrix.packed) {
    return static_cast<const uint16_t*>(matrix.data) + matrix.index(from.row, 0);
  }
  const float scale = matrix.scales ? matrix.scales[from.row] : 1.0f;
  for (int c = 0; c < matrix.cols; ++c) room[c] = floatToBf16(matrix.at(from.row, c) * scale);
  return room;
}

std::vector<Bf16> pack(const std::vector<Row>& rows, ThreadPool& pool) {
  const int cols = rows[0].matrix->cols;
  const size_t tiles = (rows.size() + packedRows - 1) / packedRows;
  std::vector<Bf16> packed(tiles * tileElements(cols));
  pool.run(static_cast<int>(tiles), false, [&](int tile, int) {
    std::vector<uint16_t> room(static_cast<size_t>(packedRows) * static_cast<size_t>(cols));
    std::array<const uint16_t*, packedRows> halves{};
    const size_t first = static_cast<size_t>(tile) * packedRows;
    for (size_t i = 0; i < std::min<size_t>(packedRows, rows.size() - first); ++i) {
      halves[i] = halvesOf(rows[first + i], room.data() + i * static_cast<size_t>(cols));
    }
    packTile(halves, cols, packed.data() + static_cast<size_t>(tile) * tileElements(cols));
  });
  return packed;
}

std::vector<Bf16> rounded(const std::vector<float>& values) {
  std::vector<Bf16> halves;
  halves.reserve(values.size());
  for (const float value : values) halves.push_back({floatToBf16(value)});
  return halves;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

ModelShape shapeOf(const Model& model) {
  const ModelConfig& config = model.config;
  return {config.layers, config.hidden, config.intermediate, config.heads, config.kvHeads, config.headDim, config.vocab,
          model.rotary.pairs, model.rotary.order == RopePairs::neighbours, static_cast<float>(config.normEpsilon)};
}

PackedLayer packLayer(const Model& model, int layer, ThreadPool& pool) {
  const Layer& from = model.layers[static_cast<size_t>(layer)];
  PackedLayer to;
  to.attentionNorm = rounded(from.attentionNorm);
  to.mlpNorm = rounded(from.mlpNorm);
  to.attentionPostNorm = rounded(from.attentionPostNorm);
  to.mlpPostNorm = rounded(from.mlpPostNorm);
  to.queryNorm = rounded(from.queryNorm);
  to.keyNorm = rounded(from.keyNorm);
  std::vector<Row> qkv;
  for (const Linear* part : {&from.query, &from.key, &from.value}) {
    append(qkv, rowsOf(part->weight));
    append(to.qkvBias, part->bias);
  }
  to.qkv = pack(qkv, pool);
  to.attentionOutput = pack(rowsOf(from.attentionOutput.weight), pool);
  to.attentionOutputBias = from.attentionOutput.bias;
  const int inner = model.config.intermediate;
  to.gateUp = pack(dealGated(rowsOf(from.gate.weight), rowsOf(from.up.weight), inner, 1), pool);
  if (!from.gate.bias.empty()) to.gateUpBias = dealGated(from.gate.bias, from.up.bias, inner, 1);
  to.down = pack(rowsOf(from.down.weight), pool);
  to.downBias = from.down.bias;
  return to;
}

PackedEnds packEnds(const Model& model, ThreadPool& pool) {
  PackedEnds to;
  to.embedding = pack(rowsOf(model.embedding), pool);
  if (model.output.data != model.embedding.data) to.output = pack(rowsOf(model.output), pool);
  to.finalNorm = rounded(model.finalNorm);
  return to;
}

std::vector<float> packAngles(const Model& model, int positions) {
  std::vector<float> angles;
  angles.reserve(static_cast<size_t>(positions) * model.inverseFrequencies.size() * 2);
  for (int position = 0; position < positions; ++position) {
    for (const float frequency : model.inverseFrequencies) {
      const float angle = static_cast<float>(position) * frequency;
      angles.push_back(std::cos(angle) * model.rotary.scale);
      angles.push_back(std::sin(angle) * model.rotary.scale);
    }
  }
  return angles;
}

}  // namespace pathpress::cuda
