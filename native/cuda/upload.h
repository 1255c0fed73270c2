// A model's weights onto the device, a layer at a time.
#pragma once

#include "step.h"

namespace pathpress {

struct Model;

namespace cuda {

// All but its angles. Each layer's rows are packed on so many threads.
DeviceModel uploadWeights(Device& device, const Model& model, int threads);

// Of true positions below `positions`.
Global<const float> uploadAngles(Device& device, const Model& model, int positions);

// Both.
DeviceModel upload(Device& device, const Model& model, int positions);

}  // namespace cuda
}  // namespace pathpress
