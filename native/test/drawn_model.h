// A Llama of random weights in a file of its own: wide enough for jobs to be shared out among threads, and deep enough
// for the layers that Quest does not read whole, which the checkpoints of data/fixtures are not.
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
  DrawnModel() {
    config.family = "llama";
    config.layers = 3;
    config.hidden = 64;
    config.intermediate = 96;
    config.heads = 8;
    config.kvHeads = 2;
    config.headDim = 32;
    config.vocab = 64;
    config.normEpsilon = 1e-6;
    draw("model.embed_tokens.weight", config.vocab, config.hidden);
    for (int i = 0; i < config.layers; ++i) {
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      draw(layer + "input_layernorm.weight", config.hidden);
      draw(layer + "post_attention_layernorm.weight", config.hidden);
      draw(layer + "self_attn.q_proj.weight", config.queryWidth(), config.hidden);
      draw(layer + "self_attn.k_proj.weight", config.kvWidth(), config.hidden);
      draw(layer + "self_attn.v_proj.weight", config.kvWidth(), config.hidden);
      draw(layer + "self_attn.o_proj.weight", config.hidden, config.queryWidth());
      draw(layer + "mlp.gate_proj.weight", config.intermediate, config.hidden);
      draw(layer + "mlp.up_proj.weight", config.intermediate, config.hidden);
      draw(layer + "mlp.down_proj.weight", config.hidden, config.intermediate);
    }
    draw("model.norm.weight", config.hidden);
    draw("lm_head.weight", config.vocab, config.hidden);
    write();
  }
  ~DrawnModel() { std::filesystem::remove(path); }

  ModelConfig config;
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("pathpress-drawn-" + std::to_string(::getpid()) + ".safetensors");

 private:
  void draw(const std::string& name, int rows, int cols = 0) {
    const size_t begin = values_.size() * sizeof(float);
    std::normal_distribution<float> normal(0, 0.3f);
    for (int i = 0; i < rows * (cols ? cols : 1); ++i) values_.push_back(cols ? normal(random_) : 1 + normal(random_));
    const std::string shape = std::to_string(rows) + (cols ? "," + std::to_string(cols) : "");
    header_ += (header_.empty() ? "{\"" : ",\"") + name + R"(":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[)" +
               std::to_string(begin) + "," + std::to_string(values_.size() * sizeof(float)) + "]}";
  }

  void write() {
    header_ += "}";
    header_.resize((header_.size() + 7) / 8 * 8, ' ');
    const uint64_t length = header_.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header_;
    file.write(reinterpret_cast<const char*>(values_.data()), static_cast<std::streamsize>(values_.size() * sizeof(float)));
  }

  std::mt19937_64 random_{7};
  std::vector<float> values_;
  std::string header_;
};

}  // namespace pathpress
