#include "forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pathpress {
namespace {

template <class T>
size_t size(T value) { return static_cast<size_t>(value); }

size_t stride(int width) { return rowStride<float>(size(width)); }

// Rows from which on threads that made gate and up of a column gate it at once (ProductJob), and need not read what others
// made. Of fewer, products wait for weights, which are then read in pieces of half the length.
constexpr size_t fewestGated = 16;

// `from` and `to` may be the same.
void rmsNorm(const std::vector<float>& weight, float epsilon, const float* from, float* to) {
  using Quad = float __attribute__((vector_size(16)));  // left to itself the compiler adds one by one
  const size_t width = weight.size();
  Quad low = {}, high = {}, one;
  size_t i = 0;
  for (; i + 8 <= width; i += 8) {
    std::memcpy(&one, from + i, sizeof one);
    low += one * one;
    std::memcpy(&one, from + i + 4, sizeof one);
    high += one * one;
  }
  float sums[8];
  std::memcpy(sums, &low, sizeof low);
  std::memcpy(sums + 4, &high, sizeof high);
  for (size_t j = 0; i < width; ++i, ++j) sums[j] += from[i] * from[i];
  const float sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  const float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + epsilon);
  for (size_t k = 0; k < width; ++k) to[k] = from[k] * scale * weight[k];
}

}  // namespace

Forward::Forward(const Model& model, const Kernels& kernels, ThreadPool& threads, ProductInput products)
    : model_(model),
      kernels_(kernels),
      epsilon_(static_cast<float>(model.config.normEpsilon)),
      head_{model.output, {}},
      threads_(threads),
      products_(kernels, threads, products),
      attention_(model.config, model.rotary, model.inverseFrequencies, kernels, threads, model.small(), products) {}

void Forward::resize(size_t rows) {
  const ModelConfig& config = model_.config;
  const auto grow = [rows](Aligned<float>& buffer, int width) {
    if (buffer.size() < rows * stride(width)) buffer.resize(rows * stride(width));
  };
  for (auto* buffer : {&state_, &normed_, &branch_}) grow(*buffer, config.hidden);
  for (auto* buffer : {&query_, &mixed_}) grow(*buffer, config.queryWidth());
  for (auto* buffer : {&key_, &value_}) grow(*buffer, config.kvWidth());
  for (auto* buffer : {&gate_, &up_}) grow(*buffer, config.intermediate);
  for (auto* buffer : {&cosine_, &sine_}) grow(*buffer, config.headDim / 2);
}

size_t Forward::workBytes(size_t rows, size_t wanted) const {
  const ModelConfig& config = model_.config;
  const size_t row = 3 * stride(config.hidden) + 2 * stride(config.queryWidth()) + 2 * stride(config.kvWidth()) +
                     2 * stride(config.intermediate) + 2 * stride(config.headDim / 2);
  return products_.workBytes(rows, size(std::max(config.hidden, config.queryWidth())), size(config.intermediate)) + sizeof(float) * (rows * row + wanted * stride(config.vocab));
}

void Forward::run(std::span<const Row> rows) {
  const ModelConfig& config = model_.config;
  const size_t count = rows.size();
  resize(count);
  eachRow(threads_, count, size(config.hidden), [&](size_t row) {
    model_.embedding.read(rows[row].token, state_.data() + row * stride(config.hidden));
  });
  rotaryAngles(rows);
  attention_.prepare(rows);
  const Product logits[] = {{&head_, nullptr}};
  for (int index = 0; index < config.layers; ++index) {
    const Layer& layer = model_.layers[size(index)];
    const std::vector<float>* before = index > 0 ? &model_.layers[size(index - 1)].mlpPostNorm : nullptr;
    const auto attention = queryKeyValue(index);
    products_.run({attention}, normed_.data(), count, {},
                  [&](size_t row) { addAndNormalize(before, layer.attentionNorm, row, row); });
    prepareHeads(rows, index);
    attention_.run(rows, index, query_, mixed_);
    const Product output[] = {{&layer.attentionOutput, branch_.data()}};
    const Product both[] = {{&layer.gate, gate_.data()}, {&layer.up, up_.data()}};
    const ProductJob gateUp{both, count >= fewestGated};
    const Product down[] = {{&layer.down, branch_.data()}};
    products_.run({output}, mixed_.data(), count, gateUp);
    products_.run(gateUp, normed_.data(), count, {down},
                  [&](size_t row) { addAndNormalize(&layer.attentionPostNorm, layer.mlpNorm, row, row); });
    const bool last = index + 1 == config.layers;
    const auto coming = queryKeyValue(last ? index : index + 1);
    const ProductJob following{last ? std::span<const Product>(logits) : coming};
    if (gateUp.gated) products_.runOnGated({down}, gate_.data(), count, following);
    else products_.run({down}, gate_.data(), count, following, [&](size_t row) {
      const size_t at = row * stride(config.intermediate);
      kernels_.swiglu(gate_.data() + at, up_.data() + at, size(config.intermediate));
    });
  }
  outputLogits(rows);
}

std::array<Product, 3> Forward::queryKeyValue(int layer) {
  const Layer& of = model_.layers[size(layer)];
  return {{{&of.query, query_.data()}, {&of.key, key_.data()}, {&of.value, value_.data()}}};
}

// As Hugging Face does: frequency times position in float32, then cosine and sine of that.
void Forward::rotaryAngles(std::span<const Row> rows) {
  for (size_t r = 0; r < rows.size(); ++r) {
    const size_t at = r * stride(model_.config.headDim / 2);
    for (size_t i = 0; i < model_.inverseFrequencies.size(); ++i) {
      const float angle = static_cast<float>(rows[r].position) * model_.inverseFrequencies[i];
      cosine_[at + i] = std::cos(angle) * model_.rotary.scale;
      sine_[at + i] = std::sin(angle) * model_.rotary.scale;
    }
  }
}

// Adds to a row's state what a branch gave, through the branch's own norm where it has one (null: there was no branch
// yet), and norms the state into row `to` of normed_.
void Forward::addAndNormalize(const std::vector<float>* postNorm, const std::vector<float>& weight, size_t row, size_t to) {
  const size_t apart = rowStride<float>(weight.size()), at = row * apart;
  float* state = state_.data() + at;
  if (postNorm) {
    float* branch = branch_.data() + at;
    if (!postNorm->empty()) rmsNorm(*postNorm, epsilon_, branch, branch);
    for (size_t i = 0; i < weight.size(); ++i) state[i] += branch[i];
  }
  rmsNorm(weight, epsilon_, state, normed_.data() + to * apart);
}

// Norms of queries and keys where the family has them, rotation, and the new entries into the cache.
void Forward::prepareHeads(std::span<const Row> rows, int layer) {
  const std::vector<float>& queryNorm = model_.layers[size(layer)].queryNorm;
  const std::vector<float>& keyNorm = model_.layers[size(layer)].keyNorm;
  const ModelConfig& config = model_.config;
  const size_t dim = size(config.headDim), queryWidth = size(config.queryWidth());
  eachRow(threads_, rows.size(), queryWidth, [&](size_t r) {
    const Row& row = rows[r];
    // A key's write touches a line a dimension, each of which would be waited for.
    if (r + 1 < rows.size()) rows[r + 1].cache->fetch(layer, rows[r + 1].offset);
    const size_t angles = r * stride(config.headDim / 2);
    const float *cosine = cosine_.data() + angles, *sine = sine_.data() + angles;
    float* query = query_.data() + r * stride(config.queryWidth());
    for (int h = 0; h < config.heads; ++h) {
      float* head = query + size(h) * dim;
      if (!queryNorm.empty()) rmsNorm(queryNorm, epsilon_, head, head);
      model_.rotary.rotate(head, cosine, sine);
    }
    if (float* kept = row.side ? row.side->queries.slot(layer, row.position) : nullptr) {
      std::copy(query, query + queryWidth, kept);
    }
    for (int h = 0; h < config.kvHeads; ++h) {
      const size_t at = r * stride(config.kvWidth()) + size(h) * dim;
      float* head = key_.data() + at;
      if (!keyNorm.empty()) rmsNorm(keyNorm, epsilon_, head, head);
      if (!row.side || !row.side->rotatedAtReading) model_.rotary.rotate(head, cosine, sine);
      row.cache->write(layer, h, row.offset, head, value_.data() + at);
    }
  });
}

void Forward::outputLogits(std::span<const Row> rows) {
  const size_t vocab = stride(model_.config.vocab);
  wanted_.clear();
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].wantLogits) wanted_.push_back(r);
  }
  if (wanted_.empty()) return;
  if (logits_.size() < wanted_.size() * vocab) logits_.resize(wanted_.size() * vocab);
  const Product product[] = {{&head_, logits_.data()}};
  products_.run({product}, normed_.data(), wanted_.size(), {},
                [&](size_t i) { addAndNormalize(&model_.layers.back().mlpPostNorm, model_.finalNorm, wanted_[i], i); });
}

std::span<const float> Forward::logits(size_t i) const {
  return {logits_.data() + i * stride(model_.config.vocab), size(model_.config.vocab)};
}

int64_t Forward::readBytes(const SequenceCache& cache, const SideState& side) {
  const CacheShape& shape = cache.shape();
  int64_t bytes = 0;
  for (int layer = 0; layer < shape.layers; ++layer) {
    for (int head = 0; head < shape.kvHeads; ++head) {
      const int64_t held = cache.head(layer, head).count + 1;
      bytes += shape.page.readBytes(side.bounds.entriesRead(layer, held)) + side.bounds.boundBytesRead(layer, held);
    }
  }
  return bytes;
}

}  // namespace pathpress
