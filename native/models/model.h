// A model in memory: config, rotary frequencies and weights, the same struct for every family.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../engine/memory_limit.h"
#include "../engine/weights.h"
#include "family.h"

namespace pathpress {

struct Linear {
  Matrix weight;            // (out, in)
  std::vector<float> bias;  // (out), or empty
};

struct Layer {
  std::vector<float> attentionNorm, mlpNorm;  // (hidden)
  std::vector<float> queryNorm, keyNorm;      // (headDim), or empty
  std::vector<float> attentionPostNorm, mlpPostNorm;  // (hidden), or empty
  Linear query, key, value;                   // (heads·headDim | kvHeads·headDim, hidden)
  Linear attentionOutput;                     // (hidden, heads·headDim)
  Linear gate, up, down;                      // (intermediate, hidden) twice, (hidden, intermediate)
};

struct Model {
  ModelConfig config;
  Weights weights;
  Matrix embedding;              // (vocab, hidden); never int8
  Matrix output;                 // (vocab, hidden); the embedding where tied
  std::vector<float> finalNorm;  // (hidden)
  std::vector<Layer> layers;
  Rotary rotary;
  std::vector<float> inverseFrequencies;  // (rotary.pairs), after rope scaling

  // Whether the weights stay in the caches that cores share: read by each thread for its own rows they cost less then
  // than threads that wait for one another at every product.
  bool small() const { return weights.bytes() <= size_t{16} << 20; }
  // For a device that has them: only what their number and type says is left of them.
  void releaseWeights();
  DType type() const { return embedding.type; }  // the model's own, whatever its matrices of products were made
};

struct ParameterCount {
  int64_t embedding;  // the table of tokens, of which a pass reads a row a token
  int64_t matrices;   // that a pass reads whole, the output among them
  int64_t vectors;    // norms and biases
  int64_t total;      // of the checkpoint: tied embeddings count once
  int64_t rows;       // of the matrices that are not tied to the embedding: what `model quantize` gives a scale each
};

// From the config alone. Throws EngineError UNKNOWN_FAMILY or BAD_CONFIG.
ParameterCount countParameters(const ModelConfig& config);

// Matrices of up to `room` bytes are copied and packed, larger ones stay in their files. Throws EngineError UNKNOWN_FAMILY,
// BAD_CONFIG, BAD_FILE, BAD_TENSOR or BAD_WEIGHTS.
std::unique_ptr<Model> loadModel(const ModelConfig& config, const std::vector<std::string>& paths, int threads,
                                 size_t room = memoryAvailable() / 2);

// Throws EngineError BAD_CONFIG where the share of a head that the config wants rotated is none that the family can.
Rotary rotaryOf(const ModelConfig& config, const Family& family);

// Frequencies in float32 as Hugging Face computes them; (pairs).
std::vector<float> ropeFrequencies(const ModelConfig& config, int pairs);

}  // namespace pathpress
