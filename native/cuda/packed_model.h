// A model's weights as the kernels want them, on the host: what is uploaded. For either compiler. Norms and matrices are
// bfloat16, whatever the checkpoint has; biases float32.
#pragma once

#include <cstdint>
#include <vector>

#include "shape.h"

namespace pathpress {

struct Model;

namespace cuda {

// Empty where the family has none; the order of rows is that of DeviceLayer.
struct PackedLayer {
  std::vector<uint16_t> attentionNorm, mlpNorm, attentionPostNorm, mlpPostNorm, queryNorm, keyNorm;
  std::vector<uint16_t> qkv, attentionOutput, gateUp, down;
  std::vector<float> qkvBias, attentionOutputBias, gateUpBias, downBias;
};

struct PackedEnds {
  std::vector<uint16_t> embedding, output;  // output empty where tied
  std::vector<uint16_t> finalNorm;
};

ModelShape shapeOf(const Model& model);

PackedLayer packLayer(const Model& model, int layer);

PackedEnds packEnds(const Model& model);

// (positions, pairs, 2): cosines and sines as the CPU engine computes them.
std::vector<float> packAngles(const Model& model, int positions);

}  // namespace cuda
}  // namespace pathpress
