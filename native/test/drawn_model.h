// A model of random weights in a file of its own, of any family. The usual one is a Llama wide enough for jobs to be
// shared out among threads, and deep enough for the layers that Quest does not read whole, which the checkpoints of
// data/fixtures are not.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "../models/model.h"

namespace pathpress {

class DrawnModel {
 public:
  DrawnModel() : DrawnModel(usual(), DType::f32, 7, 0.3f) {}

  // Matrices and biases are normal around 0, norms around 1.
  DrawnModel(const ModelConfig& of, DType type, uint64_t seed, float deviation)
      : config(of), type_(type), deviation_(deviation), random_(seed) {
    const Family& family = findFamily(config.family);
    const int hidden = config.hidden, inner = config.intermediate;
    const bool attentionBias = config.attentionBias, mlpBias = config.mlpBias;
    draw(family.embedding, config.vocab, hidden);
    for (layer_ = 0; layer_ < config.layers; ++layer_) {
      draw(family.attentionNorm, hidden);
      draw(family.mlpNorm, hidden);
      draw(family.attentionPostNorm, hidden);
      draw(family.mlpPostNorm, hidden);
      draw(family.queryNorm, config.headDim);
      draw(family.keyNorm, config.headDim);
      const bool qkv = hasBias(family.qkvBias, attentionBias), mlp = hasBias(family.mlpBias, mlpBias);
      drawModule(family.query, config.queryWidth(), hidden, qkv);
      drawModule(family.key, config.kvWidth(), hidden, qkv);
      drawModule(family.value, config.kvWidth(), hidden, qkv);
      drawModule(family.queryKeyValue, config.queryWidth() + 2 * config.kvWidth(), hidden, qkv);
      const bool output = hasBias(family.attentionOutputBias, attentionBias);
      drawModule(family.attentionOutput, hidden, config.queryWidth(), output);
      drawModule(family.gate, inner, hidden, mlp);
      drawModule(family.up, inner, hidden, mlp);
      drawModule(family.gateUp, 2 * inner, hidden, mlp);
      drawModule(family.down, hidden, inner, mlp);
    }
    draw(family.finalNorm, hidden);
    if (!config.tiedEmbeddings) draw(family.output, config.vocab, hidden);
    write();
  }
  ~DrawnModel() { std::filesystem::remove(path); }

  ModelConfig config;
  std::filesystem::path path =
      std::filesystem::temp_directory_path() /
      ("pathpress-drawn-" + std::to_string(::getpid()) + "-" + std::to_string(++made_) + ".safetensors");

 private:
  static ModelConfig usual() {
    ModelConfig config;
    config.family = "llama";
    config.layers = 3;
    config.hidden = 64;
    config.intermediate = 96;
    config.heads = 8;
    config.kvHeads = 2;
    config.headDim = 32;
    config.vocab = 64;
    config.normEpsilon = 1e-6;
    return config;
  }

  void drawModule(std::string name, int rows, int cols, bool bias) {
    if (name.empty()) return;
    draw(name + ".weight", rows, cols);
    if (bias) draw(name + ".bias", rows, 0, 0);
  }

  // Of a vector cols is 0, and `around` what its numbers lie around.
  void draw(std::string name, int rows, int cols = 0, float around = 1) {
    if (name.empty()) return;
    if (const size_t at = name.find("{}"); at != std::string::npos) name.replace(at, 2, std::to_string(layer_));
    const size_t begin = bytes_.size();
    std::normal_distribution<float> normal(0, deviation_);
    for (int i = 0; i < rows * (cols ? cols : 1); ++i) append((cols ? 0 : around) + normal(random_));
    const std::string shape = std::to_string(rows) + (cols ? "," + std::to_string(cols) : "");
    header_ += (header_.empty() ? "{\"" : ",\"") + name + R"(":{"dtype":")" + (type_ == DType::bf16 ? "BF16" : "F32") +
               R"(","shape":[)" + shape + R"(],"data_offsets":[)" + std::to_string(begin) + "," +
               std::to_string(bytes_.size()) + "]}";
  }

  void append(float value) {
    const uint16_t half = floatToBf16(value);
    const void* from = &value;
    if (type_ == DType::bf16) from = &half;
    const char* bytes = static_cast<const char*>(from);
    bytes_.insert(bytes_.end(), bytes, bytes + dtypeBytes(type_));
  }

  void write() {
    header_ += "}";
    header_.resize((header_.size() + 7) / 8 * 8, ' ');
    const uint64_t length = header_.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header_;
    file.write(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
  }

  static inline int made_ = 0;
  DType type_;  // f32 or bf16
  float deviation_;
  std::mt19937_64 random_;
  int layer_ = 0;
  std::vector<char> bytes_;
  std::string header_;
};

}  // namespace pathpress
