// A model's weights as the kernels want them, on the host: what is uploaded. For either compiler. Norms and matrices are
// bfloat16, whatever the checkpoint has; biases float32.
#pragma once

#include <vector>

#include "bf16.h"
#include "shape.h"

namespace pathpress {

struct Model;
class ThreadPool;

namespace cuda {

// Empty where the family has none; the order of rows is that of DeviceLayer.
struct PackedLayer {
  std::vector<Bf16> attentionNorm, mlpNorm, attentionPostNorm, mlpPostNorm, queryNorm, keyNorm;
  std::vector<Bf16> qkv, attentionOutput, gateUp, down;
  std::vector<float> qkvBias, attentionOutputBias, gateUpBias, downBias;
};

struct PackedEnds {
  std::vector<Bf16> embedding, output;  // output empty where tied
  std::vector<Bf16> finalNorm;
};

ModelShape shapeOf(const Model& model);

// All threads of the pool share each matrix's rows.
PackedLayer packLayer(const Model& model, int layer, ThreadPool& pool);

PackedEnds packEnds(const Model& model, ThreadPool& pool);

// (positions, pairs, 2): cosines and sines as the CPU engine computes them.
std::vector<float> packAngles(const Model& model, int positions);

}  // namespace cuda
}  // namespace pathpress
